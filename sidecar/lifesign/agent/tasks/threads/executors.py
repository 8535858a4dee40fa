"""The executors whose threads or processes are there: how many are busy, and how many jobs wait for one."""

from __future__ import annotations

import weakref
from types import FrameType
from typing import TYPE_CHECKING, Any, Iterable

from lifesign.agent.tasks.odd import call, read, text, type_name
from lifesign.agent.tasks.threads.look import StandingThreads, ThreadLook
from lifesign.agent.tasks.waiting.outside import worker

if TYPE_CHECKING:
    from lifesign.wire.threads import ExecutorState

EXECUTORS_MAX = 20
WORKERS_MAX = 8  # processes that are written
_THREADS = "concurrent.futures.thread"


class Executor:
    """One executor, and which of its threads do a job."""

    def __init__(self, thing: Any, threads: list[int], busy: list[int]) -> None:
        self.thing = thing
        self.threads = threads
        self.busy = busy


def executors(look: ThreadLook) -> list[Executor]:
    """Those of the threads that are there, by what these were started with."""
    found: dict[int, Executor] = {}
    for thread in look.frames:
        thing = behind(look.objects.get(thread))
        if thing is None:
            continue
        one = found.setdefault(id(thing), Executor(thing, [], []))
        one.threads.append(thread)
        if _is_busy(look.frames[thread]):
            one.busy.append(thread)
    return sorted(found.values(), key=lambda one: -len(one.busy))[:EXECUTORS_MAX]


def behind(thread: Any) -> Any:
    """The executor that a thread belongs to; None for others."""
    if thread is None:
        return None
    reference = read(thread, "executor_reference")  # of the thread that a ProcessPoolExecutor is managed by
    if reference is None and read(read(thread, "_target"), "__module__") == _THREADS:
        arguments = read(thread, "_args")
        reference = arguments[0] if type(arguments) is tuple and arguments else None
    return reference() if isinstance(reference, weakref.ref) else None


def _is_busy(frame: FrameType) -> bool:
    """Whether the thread is inside a job; an idle one is where it takes the next."""
    return frame.f_code.co_name != "_worker" or frame.f_globals.get("__name__") != _THREADS


def record(
    dump: str, index: int, one: Executor, defaults: Iterable[Any], groups: list[StandingThreads]
) -> ExecutorState:
    """An executor as it is written; `defaults` are those of the event loops."""
    most = read(one.thing, "_max_workers")
    pending = read(one.thing, "_pending_work_items")
    most = most if type(most) is int else len(one.threads)
    if type(pending) is dict:  # of processes
        busy, queued = min(len(pending), most), max(0, len(pending) - most)
    else:
        waiting = call(read(one.thing, "_work_queue"), "qsize")
        busy, queued = len(one.busy), waiting if type(waiting) is int else 0
    processes = read(one.thing, "_processes")
    pids = sorted(processes)[:WORKERS_MAX] if type(processes) is dict and busy else []
    workers = [said for said in map(worker, pids) if said]
    inside = set(one.busy)
    counts = [(place, sum(thread in inside for thread in group.threads)) for place, group in enumerate(groups)]
    return {
        "kind": "executor",
        "dump": dump,
        "index": index,
        "type": type_name(one.thing),
        "name": text(read(one.thing, "_thread_name_prefix") or ""),
        "default": any(one.thing is default for default in defaults),
        "busy": busy,
        "most": most,
        "queued": queued,
        "workers": workers,
        "groups": [{"group": place, "count": count} for place, count in counts if count and type(pending) is not dict],
    }
