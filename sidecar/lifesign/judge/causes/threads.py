"""The causes that lie with threads: rings of them, a loop whose thread waits for another one, executors used up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator, NamedTuple, Sequence

from lifesign.judge import states
from lifesign.judge.causes.findings import WAITS_EXPLAIN_NOTHING, Cause, Dump, Findings
from lifesign.judge.causes.phrases import call_text, group_waits, job_frame, own_frame, place_text
from lifesign.judge.causes.stalls import doing
from lifesign.judge.gil.holder import thread_text
from lifesign.wire.frames import is_library

if TYPE_CHECKING:
    from lifesign.judge.gil.holder import GilHolder
    from lifesign.wire.records import Frame, Stall, TaskGroup
    from lifesign.wire.threads import ExecutorState, ThreadGroup, ThreadWait

_IMPORT_LOCK = "import lock"
_LOCKS = ("threading.Lock", "threading.RLock", _IMPORT_LOCK)
JOB_SECONDS = 5.0  # after which a job may be one that does not end
_DOES = ("is busy", "is busy and waiting", "is waiting")  # a thread
_SAMPLES_MIN = 3  # of a stall: fewer say no more than a single stack
_PLACES_MAX = 3  # where the threads of an executor stand that are named
_LOOP_ENDED = "loop-ended"
_HANDED, _ITS_LOOP = "a coroutine handed to an event loop that ", ": its event loop "
_JOB = "a job in an executor"  # what a task group waits for


def rings(findings: Findings) -> list[Cause]:
    """Threads that can never go on, whatever the state of the process."""
    known = list(findings.dump.summary.get("thread_rings", ())) if findings.dump is not None else []
    in_known = {step["thread"] for ring in known for step in ring}
    for stall in findings.stalls:
        chain = stall.get("chain", [])
        if stall.get("ring") and chain and chain[0]["thread"] not in in_known:
            known.append(chain)
    return [_ring(ring) for ring in known if ring]


def _ring(ring: list[ThreadWait]) -> Cause:
    start = next((place for place, step in enumerate(ring) if step["loop"]), 0)
    ring = [*ring[start:], *ring[:start]]
    first = ring[0]
    if len(ring) == 1:
        return Cause("self-wait", f"deadlock: {_who(first)} {_waits(first)}{_itself(first)}", first["at"])
    said = [f"{_who(step)} {_waits(step)}{_kept_by(step)}" for step in ring]
    return Cause("deadlock", f"deadlock: {said[0]}", first["at"], tuple(said[1:]))


def _itself(step: ThreadWait) -> str:
    if step["task"]:
        return f", which task {step['task']} of the same event loop holds while it awaits"
    return ", which only its own event loop can bring" if step["type"] == "future" else ", which it keeps itself"


def thread_locks(findings: Findings) -> list[Cause]:
    """A blocked loop whose thread waits for a lock of threads, and who has it."""
    found = []
    for stall in findings.stalls if findings.state == states.BLOCKED else ():
        chain = stall.get("chain", [])
        if waits_for_lock(stall):
            evidence = tuple(f"{_who(step)} {_waits(step)}{_kept_by(step)}" for step in chain[1:])
            sentence = f"the loop's thread {_waits(chain[0])}{_kept_by(chain[0]) or '; who holds it cannot be seen'}"
            if _is_itself(chain[0]):
                evidence = (f"it is in {call_text(stall['stack'])}",)
            found.append(Cause("thread-lock", sentence, chain[0]["at"], evidence))
    return found


def waits_for_lock(stall: Stall) -> bool:
    """Whether a lock of threads is all that the loop's thread waits for, and not a ring, which is worse."""
    chain = stall.get("chain", [])
    return bool(chain) and not stall.get("ring", False) and chain[0]["type"] in _LOCKS


def in_short(stall: Stall) -> str:
    """What else a blocked loop's thread waits for, as a part of a sentence: a queue, a future, the end of a thread.

    Or what it has asked the kernel for, where it is still in that call.
    """
    chain, call = stall.get("chain", []), stall.get("call", "")
    if chain:
        return f", for {wait_text(chain[0])}"
    return f": it {call}" if call and not stall["busy"] else ""


def blocking_calls(findings: Findings) -> list[Cause]:
    """A call in which the loop's thread is, and does not return."""
    if findings.state != states.BLOCKED:
        return []
    others = [stall for stall in findings.stalls if not stall.get("ring") and not waits_for_lock(stall)]
    return [_blocking_call(stall) for stall in others if stall["stack"]]


def _blocking_call(stall: Stall) -> Cause:
    samples = stall.get("samples", 0)
    busy, _, waiting = _DOES
    does = {True: busy, False: waiting, None: "is"}[stall["busy"]]
    if samples >= _SAMPLES_MIN and not stall["busy"]:
        does = doing(stall.get("computing", 0), samples, _DOES)
    own = own_frame(stall["stack"])
    sampled = f"; {stall.get('in_place', 0)} of {samples} samples in {own['function'] if own is not None else 'it'}"
    seen = sampled if samples >= _SAMPLES_MIN else ""
    same = samples < _SAMPLES_MIN or stall.get("in_place", 0) == samples  # calls of several functions may take turns
    function = stall.get("c_function", "") if does == waiting and same else ""
    called = f"{function}, called in " if function else ""
    sentence = f"the loop's thread {does} in {called}{call_text(stall['stack'])}{in_short(stall)}{seen}"
    return Cause("blocking-call", sentence, own)


def held_gil(findings: Findings) -> list[Cause]:
    """A frozen process, and the thread whose C code holds the GIL."""
    return gil_held(findings.state, findings.holders)


def gil_held(state: str, found: Sequence[GilHolder]) -> list[Cause]:
    """The thread that holds the GIL, or those of which one does."""
    if state != states.FROZEN or not found:
        return []
    first, *others = found
    probably = "" if first.certain else "probably "
    sentence = f"{probably}{thread_text(first.name)} holds the GIL: it {_is_in(first)}"
    evidence = tuple(f"or {thread_text(one.name)} does: it {_is_in(one)}" for one in others)
    return [Cause("gil-held", sentence, own_frame(list(first.stack)), evidence)]


def _is_in(holder: GilHolder) -> str:
    doing = {True: "computes", False: "waits", None: "is"}[holder.computes]
    return f"{doing} in {call_text(list(holder.stack))}"


def executors(findings: Findings) -> list[Cause]:
    """Executors with jobs that no thread is left for."""
    dump = findings.dump
    if dump is None or findings.state in WAITS_EXPLAIN_NOTHING:
        return []
    return [_executor(one, dump) for one in dump.executors if one["queued"] and one["busy"] >= one["most"] > 0]


def jobs(findings: Findings) -> list[Cause]:
    """Tasks wait for jobs that are begun and do not end, of an executor with threads to spare."""
    dump = findings.dump
    if dump is None or findings.state != states.SILENT:
        return []
    busy = [one for one in dump.executors if one["busy"] and not one["queued"]]
    return [_job(busy[0], dump)] if len(busy) == 1 and any(map(_waits_long, dump.groups)) else []


def ended_loops(findings: Findings) -> list[Cause]:
    """Somebody waits for a coroutine that was handed to an event loop which does not run any more."""
    dump = findings.dump
    if dump is None or findings.state in WAITS_EXPLAIN_NOTHING:
        return []
    made = [
        Cause(_LOOP_ENDED, f"{group_waits(group, group['count'])} for {group['waits_for']}", own_frame(group["stack"]))
        for group in dump.groups
        if group.get("waits_for", "").startswith(_HANDED)
    ]
    for step in (group["wait"] for group in dump.threads):
        _, of_a_loop, how = ("", "", "") if step is None else step["state"].partition(_ITS_LOOP)
        if step is not None and of_a_loop and not step["clock"]:
            at = step["at"]
            where = f" in {at['function']} ({place_text(at)})" if at is not None else ""
            made.append(Cause(_LOOP_ENDED, f"{_who(step)} waits{where} for {_HANDED}{how}", at))
    return made


def _waits_long(group: TaskGroup) -> bool:
    """Whether the user's own code has waited for a job for a while."""
    frame = own_frame(group["stack"])
    own = frame is not None and not is_library(frame["file"])
    return own and group["waits_for"].startswith(_JOB) and (group["waited_most"] or 0.0) >= JOB_SECONDS


def _job(one: ExecutorState, dump: Dump) -> Cause:
    places = busy_places(one, dump)
    at = " and ".join(f"{place.threads} in {place.text}" for place in places[:_PLACES_MAX])
    sentence = f"probably a job does not end: {executor_text(one)}{f', {at}' if at else ''}{_jobs_awaited(dump)}"
    return Cause("job-waits", sentence, places[0].place if places else None, tuple(_jobs_that_wait(one, dump)))


def _executor(one: ExecutorState, dump: Dump) -> Cause:
    places = busy_places(one, dump)
    at = "; ".join(f"{place.threads} in {place.text}" for place in places[:_PLACES_MAX])
    sentence = f"{executor_text(one)}{f': {at}' if at else ''}{_jobs_awaited(dump)}"
    return Cause("executor-full", sentence, places[0].place if places else None, tuple(_jobs_that_wait(one, dump)))


def _jobs_that_wait(one: ExecutorState, dump: Dump) -> Iterator[str]:
    """What the jobs wait for in turn: a job of the same executor that is not begun never will be."""
    if one.get("workers"):
        yield f"its processes: {', '.join(one['workers'])}"
    groups = {group["index"]: group for group in dump.threads}
    for edge in one["groups"][:_PLACES_MAX]:
        group = groups.get(edge["group"])
        step, call = (None, "") if group is None else (group["wait"], group.get("call", ""))
        if step is not None:
            wait = "waits" if edge["count"] == 1 else "wait"
            yield f"{edge['count']} of its threads {wait} for {wait_text(step)}"
        elif call:
            yield f"{edge['count']} of its threads {'is' if edge['count'] == 1 else 'are'} in a call that {call}"


def executor_text(one: ExecutorState) -> str:
    """An executor and its figures: ``the default executor: 8 of 8 threads busy, 12 jobs wait``."""
    named = f"the executor {one['name']}" if one["name"] else "an executor"
    who = "the default executor" if one["default"] else named
    workers = "processes" if one["type"].startswith("Process") else "threads"
    jobs = f", {one['queued']} job{'s wait' if one['queued'] > 1 else ' waits'}" if one["queued"] else ""
    return f"{who}: {one['busy']} of {one['most']} {workers} busy{jobs}"


class BusyPlace(NamedTuple):
    """Where so many threads of an executor stand, in the user's code; there is no place for a job that is none."""

    threads: int
    text: str
    place: Frame | None


def busy_places(one: ExecutorState, dump: Dump) -> list[BusyPlace]:
    """Where the busy threads of an executor stand, by the user's lines, most of them first."""
    groups = {group["index"]: group for group in dump.threads}
    found: dict[str, BusyPlace] = {}
    for edge in one["groups"]:
        group = groups.get(edge["group"])
        at = None if group is None else _job_of(group)
        if at is not None:
            text, place = at
            before = found[text].threads if text in found else 0
            found[text] = BusyPlace(before + edge["count"], text, place)
    return sorted(found.values(), key=lambda place: -place.threads)


def _job_of(group: ThreadGroup) -> tuple[str, Frame | None] | None:
    """Where the job is that the threads of a group do; of one that is no Python code, what was called."""
    if group.get("job"):
        return group["job"], None
    frame = job_frame(group["stack"])
    return None if frame is None else (f"{frame['function']} ({place_text(frame)})", frame)


def _jobs_awaited(dump: Dump) -> str:
    waiting = sorted(
        (group for group in dump.groups if group["waits_for"].startswith(_JOB)), key=lambda group: -group["count"]
    )
    parts = [group_waits(group, group["count"]) for group in waiting[:_PLACES_MAX]]
    return f"; {' and '.join(parts)} for {'a job of it' if len(dump.executors) == 1 else _JOB}" if parts else ""


def wait_text(step: ThreadWait) -> str:
    """What a thread waits for and who keeps it: ``the threading.Lock LOCK, which thread clerk probably holds``."""
    return f"{_thing(step)}{_kept_by(step)}"


def _is_itself(step: ThreadWait) -> bool:
    """Whether the thread that holds it is the one that waits: names alone may be those of two threads."""
    return step["holder"] == step["thread"] and step["place"] is not None and step["place"] == step["at"]


def _who(step: ThreadWait) -> str:
    return f"the event loop's thread {step['thread']}" if step["loop"] else f"thread {step['thread']}"


def _waits(step: ThreadWait) -> str:
    at = step["at"]
    where = f" in {at['function']} ({place_text(at)})" if at is not None else ""
    return f"waits{where} for {_thing(step)}"


def _thing(step: ThreadWait) -> str:
    kind, name = step["type"], step["name"]
    state = f" ({step['state']})" if step["state"] else ""
    if kind == "future":
        return f"the result of {f'the future {name}' if name else 'a future'}{state}"
    if kind == _IMPORT_LOCK:
        return f"the import lock of {name}"
    if kind == "thread":
        return f"the end of thread {name}"
    how = {"get": "an item of ", "put": "room in "}.get(step["how"], "")
    return f"{how}the {kind} {name}{state}" if name else f"{how}a {kind}{state}"


def _kept_by(step: ThreadWait) -> str:
    """Who keeps it, as a clause; empty where nobody is known to."""
    if step["holder"] is None:
        return ""
    place = step["place"]
    if step["task"]:
        return f", which task {step['task']} holds while it awaits, in the event loop of thread {step['holder']}"
    if _is_itself(step):
        return ", which it probably holds itself: a threading.Lock is not reentrant"
    now = f"{place['function']} ({place_text(place)})" if place is not None else "code without a Python frame"
    if step["verb"] == "is":
        return f", which is in {now}"
    if step["verb"] == "loop":
        return f", which only the event loop of thread {step['holder']} can bring"
    probably = "" if step["certain"] else "probably "
    return f", which thread {step['holder']} {probably}{step['verb']}; that one is in {now}"
