"""A program that makes calls of the public API which no program should make: ``caller.py SEED CALLS DESCRIPTORS``.

It runs under any Python that lifesign runs under, with nothing of the tests. What it writes is what must not be: an
exception that came out of a call, a descriptor, a thread or a folder that stays behind. It ends with status 0.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import threading
import time
import traceback
import warnings
from typing import Any, Callable

SEED, CALLS, DESCRIPTORS = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
RUN = os.environ.get("LIFESIGN_DIR", "")
PARENT = os.getpid()
chosen = random.Random(SEED)
moments = random.Random(SEED)  # of the timer, which comes when it comes
found: list[str] = []


class Hostile:
    """Whatever is asked of it, it raises."""

    def _raise(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError("hostile")

    __str__ = __repr__ = __hash__ = __eq__ = __bool__ = __float__ = __int__ = __len__ = __iter__ = _raise
    __call__ = __lt__ = __gt__ = __format__ = __await__ = __enter__ = __index__ = __fspath__ = _raise


class Named(str):
    """A string with methods of its own."""

    def __str__(self) -> str:
        return self * 2

    def encode(self, *_: Any, **__: Any) -> Any:
        raise UnicodeError("no encoding")


async def holds() -> bool:
    return True


async def fails() -> Any:
    raise BaseException("worse than an exception")


def value() -> Any:
    """One argument, often one that is fine."""
    return chosen.choice(
        [
            "order", "payment", "x" * 100_000, "", "\ud800", "\0", b"bytes", Named("sub"), 0, -1, 0.001, 30, 1e300,
            10**400, float("nan"), float("inf"), "30", None, True, [], {}, (1, 2), object(), Hostile(), Hostile,
            holds, fails, len, lambda: (False, "why"), lambda: 1 / 0, ValueError("no"), iter(()), sys, ...,
        ]
    )  # fmt: skip


def block(manager: Any) -> None:
    with manager:
        pass


async def coroutine(api: Any) -> None:
    one = chosen.randrange(4)
    if one == 0:
        await api.check_postconditions(*[value() for _ in range(chosen.randrange(3))])
    elif one == 1:
        with contextlib.suppress(api.PostconditionError):
            await api.assert_postconditions(value())
    elif one == 2:
        async with api.checkpoint(value()):
            await asyncio.sleep(0)
    else:
        await asyncio.sleep(chosen.choice([0, 0.001, 0.02]))


def call(api: Any) -> None:
    """One call of anything."""
    one = chosen.randrange(18)
    if one < 4:
        api.event(value())
    elif one == 4:
        api.event()
    elif one == 5:
        api.promise(value(), within=value())
    elif one == 6:
        api.checkpoint(value())
    elif one == 7:
        block(api.checkpoint(value()))
    elif one == 8:
        api.dump_tasks()
    elif one == 9:
        api.start(chosen.choice([None, RUN, RUN, RUN + "/gone", "/proc", "\0", value()]))
    elif one == 10:
        api.stop()
    elif one == 11:
        name = value()
        decorate = api.postcondition(name, timeout=value(), every=value(), critical=value())
        if decorate is not name:  # what could be the function itself is taken for it
            decorate(chosen.choice([holds, fails, value()]))
    elif one == 12:
        api.check(value())
    elif one == 13:
        block(api.synthetic())
        api.synthetic_headers(), api.is_synthetic(), api.boot_trace_id()
    elif one == 14:
        api.dry_run_handler(value())
        api.dry_run_handler(events=value())(holds)
        api.dry_run()
    elif one == 15:
        with contextlib.suppress(ValueError, TypeError):  # a mistake in the code that makes one
            api.DryRun(value(), events=value(), rate=value(), seed=value(), pattern=value(), limit=value())
    elif one == 16:
        asyncio.run(asyncio.sleep(chosen.choice([0, 0.001, 0.02])))
    else:
        asyncio.run(coroutine(api))


def guarded(where: str, make: Callable[..., None], *arguments: Any) -> None:
    try:
        make(*arguments)
    except BaseException:
        found.append(f"{where}: {traceback.format_exc()}")


def in_handler(api: Any) -> None:
    pending.append(api)
    os.kill(os.getpid(), signal.SIGUSR1)


def in_thread(api: Any) -> None:
    thread = threading.Thread(target=guarded, args=("thread", call, api))
    thread.start()
    thread.join()


def in_fork(api: Any) -> None:
    with warnings.catch_warnings():  # a check that was cut may have a thread still
        warnings.simplefilter("ignore")
        pid = os.fork()
    if not pid:
        signal.setitimer(signal.ITIMER_REAL, 0)
        mine = len(found)
        for _ in range(3):
            guarded("fork", call, api)
        for said in found[mine:]:
            os.write(1, f"{json.dumps(said)}\n".encode())
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        found.append("a forked child ended badly")


def in_subinterpreter(api: Any) -> None:
    try:
        import _interpreters as interpreters
    except ImportError:
        try:
            import _xxsubinterpreters as interpreters  # type: ignore[import-not-found,no-redef]
        except ImportError:
            return
    if threading.active_count() > 1 or sys.version_info[:2] == (3, 12):
        return  # the interpreter's own trouble with that
    try:
        one = interpreters.create()
    except Exception:
        return
    code = "import asyncio, lifesign; asyncio.run(asyncio.sleep(0)); lifesign.event(); lifesign.start()"
    guarded("subinterpreter", interpreters.run_string, one, code)
    interpreters.destroy(one)


pending: list[Any] = []


def handler(number: int, frame: Any) -> None:
    if pending:
        guarded("handler", call, pending.pop())


def timer(number: int, frame: Any) -> None:
    """Comes at any moment, also in the middle of the first import."""
    guarded("timer", lambda: sys.modules["lifesign"].event("tick"))
    again()


def again() -> None:
    signal.setitimer(signal.ITIMER_REAL, moments.choice([0.0002, 0.002, 0.01]))


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def few(spare: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(map(int, os.listdir("/proc/self/fd"))) if spare else 1024
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + spare if spare else 1024, hard))


def main() -> None:
    signal.signal(signal.SIGUSR1, handler)
    signal.signal(signal.SIGALRM, timer)
    sys.unraisablehook = lambda raised: found.append(f"unraisable: {raised.exc_value!r} {raised.object!r}")
    threading.excepthook = lambda raised: found.append(f"in a thread: {raised.exc_value!r}")
    import lifesign as api  # alone it loads next to nothing; all the rest is interrupted

    again()
    atexit.register(guarded, "atexit", call, api)
    places = [lambda api: guarded("here", call, api)] * 6 + [in_handler, in_thread, in_fork, in_subinterpreter]
    for index in range(CALLS):
        if DESCRIPTORS and index == CALLS // 4:
            few(DESCRIPTORS)
        if DESCRIPTORS and index == CALLS // 2:
            few(0)
        if index == CALLS - CALLS // 5 and chosen.random() < 0.3 and os.access(RUN, os.W_OK):
            shutil.rmtree(RUN, ignore_errors=True)
        place = chosen.choice(places)
        if DESCRIPTORS and CALLS // 4 <= index < CALLS // 2 and place is not places[0]:
            place = places[0]  # the program itself could not do that
        if DESCRIPTORS and CALLS // 4 <= index < CALLS // 2:
            guarded("few descriptors", api.event, value())
            guarded("few descriptors", api.checkpoint, value())
            guarded("few descriptors", api.start, RUN)
            continue
        place(api)
    signal.setitimer(signal.ITIMER_REAL, 0)
    api.stop()


def nothing_left(before: int) -> None:
    """The pulse, life token, last words, stacks of a frozen process and its context may stay until the end, once."""
    if descriptors() > before + 5:
        links = []
        for number in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):  # that of the listing itself
                links.append(f"{number} {os.readlink(f'/proc/self/fd/{number}')}")
        found.append(f"{descriptors() - before} descriptors stay: {links}")
    mine = [name for name in os.listdir(RUN) if name.startswith(f"{PARENT}-")] if os.path.isdir(RUN) else []
    if len(mine) > 1:
        found.append(f"{len(mine)} folders: {mine}")


if __name__ == "__main__":
    opened = descriptors()
    main()
    end = time.monotonic() + 10
    while threading.active_count() > 1 and time.monotonic() < end:
        time.sleep(0.01)  # a check that was cut
    nothing_left(opened)

    def report() -> None:
        for one in found:
            os.write(1, f"{json.dumps(one)}\n".encode())

    atexit._run_exitfuncs()
    report()
    os._exit(0)
