"""Which thread holds the GIL: a pure function of the stacks of a frozen process and of what the kernel saw.

It is the one that does not wait for the GIL, and is in no call of which it is known that it lets go of the GIL. The
kernel knows threads by other numbers than Python: the process writes both down once a second, and a thread that began
after that is the one that is left over on both sides.
"""

from __future__ import annotations

from typing import Mapping, NamedTuple

from lifesign.judge.gil.stacks import Stacks, ThreadWords
from lifesign.judge.gil.threads import waits_for_gil
from lifesign.wire.frames import Frame, is_library
from lifesign.wire.stacks.offer import StacksOffer
from lifesign.wire.stacks.request import ThreadUse

HOLDERS_MAX = 3
_COMPUTES = 0.2  # of the time, on a machine that is busy
_MAIN = "MainThread"
_AGENT = "/lifesign/agent/"  # whose threads never hold it for long
_EXECUTOR = "of an executor"
# Where threads wait that have let go of the GIL: functions of the standard library, by the end of their file's path.
_LETS_GO = {
    "/threading.py": ("wait", "_wait_for_tstate_lock", "join", "acquire", "__enter__"),
    "/selectors.py": ("select",),
    "/queue.py": ("get", "put"),
    "/concurrent/futures/thread.py": ("_worker",),
    "/concurrent/futures/process.py": ("wait_result_broken_or_wakeup",),
    "/socket.py": ("accept", "readinto", "create_connection", "getaddrinfo", "sendfile"),
    "/ssl.py": ("read", "write", "do_handshake", "recv", "recv_into", "send", "sendall"),
    "/subprocess.py": ("_try_wait", "_communicate", "wait"),
    "/multiprocessing/connection.py": ("_recv", "_send", "wait", "_poll", "accept"),
    "/multiprocessing/popen_fork.py": ("poll",),
    "/asyncio/runners.py": ("run",),  # under uvloop, whose loop has no frame
    "/asyncio/base_events.py": ("run_forever", "run_until_complete"),
    "/uvloop/__init__.py": ("run", "wrapper"),
}


class GilHolder(NamedTuple):
    """A thread that holds the GIL, for certain where nothing else could.

    `name` is empty where it is not known, or says what kind of thread it is; frames are outermost first; `computes`
    is None where the kernel did not show it.
    """

    name: str
    stack: tuple[Frame, ...]
    computes: bool | None
    certain: bool


class _Suspect(NamedTuple):
    thread: ThreadWords
    use: ThreadUse | None


def holders(stacks: Stacks, offer: StacksOffer | None) -> tuple[GilHolder, ...]:
    """Who may hold the GIL, the likeliest first; empty where nobody is left."""
    over, used = stacks.request.over, stacks.request.threads
    natives = _natives(stacks, offer, used)
    like = used.get(offer.thread) if offer is not None else None
    suspects = []
    doubtful = False
    for thread in stacks.threads:
        use = used.get(natives.get(thread.ident, 0))
        waits = use is not None and like is not None and waits_for_gil(use, over, like)
        if thread.frames and not thread.current and not waits and not _lets_go(thread.frames[0]):
            suspects.append(_Suspect(thread, use))
        doubtful = doubtful or (waits and use is not None and use.state == "R" and not thread.current)
    computing = [one for one in suspects if one.use is not None and _computes(one.use, over)]
    strangers = _strangers(natives, offer, used)
    if not computing and any(_computes(used[native], over) for native in strangers):
        computing = [one for one in suspects if one.use is None]  # it is one of those that could not be paired
    chosen = sorted(computing or suspects, key=_likely, reverse=True)
    certain = len(suspects) == 1 and (bool(computing) or not doubtful)
    names = {ident: known.name for ident, known in offer.threads.items()} if offer is not None else {}
    main = stacks.threads[-1] if stacks.threads and stacks.whole else None
    return tuple(_holder(one, over, names, main, certain=certain) for one in chosen[:HOLDERS_MAX])


def _natives(stacks: Stacks, offer: StacksOffer | None, used: Mapping[int, ThreadUse]) -> dict[str, int]:
    """The native ids of the threads in the stacks, as far as they are known or there is only one way to pair them."""
    known = offer.threads if offer is not None else {}
    found = {
        thread.ident: known[number].native
        for thread in stacks.threads
        if (number := int(thread.ident, 16)) in known and known[number].native in used
    }
    for thread in stacks.threads:
        if thread.current and offer is not None:
            found[thread.ident] = offer.thread
    nameless = [thread.ident for thread in reversed(stacks.threads) if thread.ident not in found]  # the oldest first
    left = sorted(_strangers(found, offer, used), key=lambda native: (used[native].began, native))
    if len(nameless) == len(left) and stacks.whole:
        found.update(zip(nameless, left))
    return found


def _strangers(natives: Mapping[str, int], offer: StacksOffer | None, used: Mapping[int, ThreadUse]) -> list[int]:
    """Threads that the kernel shows and the stacks do not name; C libraries have some too."""
    paired = {*natives.values(), offer.thread if offer is not None else 0}
    return [native for native in used if native not in paired]


def _computes(use: ThreadUse, over: int) -> bool:
    return use.state == "R" or use.ran > over * _COMPUTES


def _likely(suspect: _Suspect) -> tuple[bool, bool]:
    """An event loop that is not in its selector is in a call; a thread beside it may rest where it is for hours."""
    frames = suspect.thread.frames
    return any(frame["function"] == "_run_once" for frame in frames), not is_library(frames[0]["file"])


def _lets_go(innermost: Frame) -> bool:
    return _AGENT in innermost["file"] or any(
        innermost["file"].endswith(file) and innermost["function"] in functions for file, functions in _LETS_GO.items()
    )


def _holder(
    one: _Suspect, over: int, names: Mapping[int, str], main: ThreadWords | None, *, certain: bool
) -> GilHolder:
    name = names.get(int(one.thread.ident, 16)) or one.thread.name
    if main is not None and one.thread.ident == main.ident:
        name = _MAIN
    elif main is not None and name == main.name:
        name = ""  # Python 3.14 writes the name that the kernel has: to a nameless thread it gives the process's
    if not name and any(_is_worker(frame) for frame in one.thread.frames):
        name = _EXECUTOR  # that began with the freeze
    computes = _computes(one.use, over) if one.use is not None else None
    return GilHolder(name, tuple(reversed(one.thread.frames)), computes, certain)


def thread_text(name: str) -> str:
    """As one says it: ``the main thread``, ``thread pool-1``."""
    if name in ("", _EXECUTOR):
        return f"a thread {name}".rstrip()
    return "the main thread" if name == _MAIN else f"thread {name}"


def _is_worker(frame: Frame) -> bool:
    return frame["function"] == "_worker" and frame["file"].endswith("/concurrent/futures/thread.py")
