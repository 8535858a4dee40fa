"""Real threads, locks and pauses, even if gevent or eventlet have patched them.

A watchdog on a green thread would run only when the program lets it, which is just what it has to watch. A patched
module keeps no reference to the original functions, so they are taken from a fresh copy of it.
"""

from __future__ import annotations

import _thread
import os
import re
import select
import signal
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from typing import Protocol

    class Kept(Protocol):
        """What a thread keeps."""

        def close(self) -> None: ...


_WARNED: bool = sys.version_info >= (3, 12)
_ENDED_AT_EXIT: bool = sys.version_info < (3, 14)  # later ones leave a daemon thread where it is
_WARNING = "This process (pid=", ") is multi-threaded, use of "
_OF_A_FAULT = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS")  # of the thread's own doing


def _unpatched(patched: Any, *functions: str) -> Any:
    """The module, or a copy of it where some of these functions are no longer the interpreter's."""
    if all(type(getattr(patched, name, None)) is type(len) for name in functions):
        return patched
    spec = getattr(patched, "__spec__", None)
    if spec is None or spec.loader is None:
        return patched
    patches = dict(vars(patched))
    from importlib.util import module_from_spec  # which most programs need not load

    fresh = module_from_spec(spec)
    spec.loader.exec_module(fresh)
    if fresh is not patched:
        return fresh
    original = SimpleNamespace(**vars(patched))  # Python 3.9 makes some modules anew: the patches are put back
    vars(patched).update(patches)
    return original


_threads = _unpatched(_thread, "start_new_thread", "allocate_lock")
start_thread = _threads.start_new_thread  # a daemon that `threading` does not know, nor any debugger or thread count
get_ident = _threads.get_ident
get_native_id = _threads.get_native_id
LockType: Any = type(_threads.allocate_lock())
RLock = _threads.RLock
_stack_size = _threads.stack_size
_select = _unpatched(select, "select").select


def load_what_ends_threads() -> None:
    """Loads the library by which glibc ends a thread, while that is possible.

    Python ends a daemon thread that wants to go on while the interpreter finalizes. glibc looks for that library when
    it ends the first one, and aborts the process if it cannot: in a chroot, say, or with no descriptor left.
    """
    if _ENDED_AT_EXIT:
        try:
            from _ctypes import dlopen  # not `ctypes`, which imports for milliseconds

            dlopen("libgcc_s.so.1", 0)
        except Exception:  # noqa: BLE001, S110 - another libc, a Python without it, or it cannot be had now either
            pass


def leave_signals_to_program() -> None:
    """Signals to the process are for the program's threads, also where these block them.

    One that all of them block waits for who asks for it, by `sigwait` or a signalfd. A thread in which it is not
    blocked would take it, and the default is the end of the process.
    """
    if hasattr(signal, "pthread_sigmask"):
        faults = {getattr(signal, name, None) for name in _OF_A_FAULT}
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - faults)


def sleep(seconds: float) -> float:
    """Pauses this thread; returns for how long.

    The kernel measures it. A timed wait for a lock has a deadline on a clock, which libfaketime may have moved.
    """
    _select((), (), (), seconds)
    return seconds


_started: set[Ticker] = set()  # whose threads have not ended


class Ticker:
    """A thread that calls `tick` every `interval` seconds, which may be changed, and takes no signals.

    Args:
        pause: pauses, for at most about so many seconds, and returns for how many it did; it never raises.
        keep: called once in the thread, which closes what that returns when it ends, and not before.

    `threading` does not know it, but from Python 3.12 on `os.fork` warns a process in which it is not alone: it counts
    what the kernel shows. The program is not to be warned because of us, so that one warning of a process that has no
    threads but the one that forks and ours is filtered out.
    """

    def __init__(
        self,
        interval: float,
        tick: Callable[[], None],
        pause: Callable[[float], float] | None = None,
        keep: Callable[[], Kept | None] = lambda: None,
    ) -> None:
        self.interval = interval
        self._tick = tick
        self._pause = pause or sleep
        self._keep = keep
        self._lock = RLock()  # reentrant: a signal handler may stop us
        self._native_id = 0
        self._wanted = False
        self._there = False  # it runs, or is about to
        self._exists = False  # the kernel shows it
        # As `warnings` has them, and for as long as a fork takes among the program's.
        self.filter = ("ignore", _OfOneThread(self), DeprecationWarning, None, 0)

    def start(self) -> None:
        """Starts the thread, unless it is there."""
        self._wanted = True
        with self._lock:
            if self._there:
                return
            self._there, self._exists, self._native_id = True, False, 0
        load_what_ends_threads()
        _started.add(self)
        try:
            _start_with_stack(self._run)
            self._exists = True
        except BaseException:
            self._there = False
            _started.discard(self)
            raise

    def stop(self) -> None:
        """Asks the thread to end, and does not wait for it."""
        self._wanted = False

    def is_there(self) -> bool:
        """Whether the thread runs."""
        return self._there

    def before_fork(self) -> None:
        """Puts a filter in front, for the warning that comes when the fork is over."""
        if _WARNED and self.is_only_other():
            self.after_warning()
            filters = _filters()
            if filters is not None:
                filters.insert(0, self.filter)

    def after_warning(self) -> None:
        """Takes the filter away; also in the child, which is not warned."""
        filters = _filters() or []
        for place, one in enumerate(filters):
            if one is self.filter:
                del filters[place]
                return

    def is_only_other(self) -> bool:
        """Whether the process has one thread beside this and others of ours; False where the kernel does not say."""
        try:
            threads = os.listdir("/proc/self/task")
        except OSError:  # Python asks `threading` then, which does not know of ours
            return False
        ours = sum(one._is_among(threads) for one in {self, *_started})
        return self._is_among(threads) and len(threads) == 1 + ours

    def _is_among(self, threads: list[str]) -> bool:
        if self._native_id:  # a thread of the parent's is not among those of a forked child
            return str(self._native_id) in threads
        return self._there and self._exists

    def _run(self) -> None:
        leave_signals_to_program()
        self._native_id = get_native_id()
        # Nothing refers to it but this frame. In a forked child, where this thread is not, nobody takes the frame down.
        kept: Kept | None = None
        ticked = False
        while self._goes_on():
            # Always the whole interval: it depends on no clock whether and when the next one comes.
            left, not_worth_it = self.interval, self.interval / 10
            while left > not_worth_it and self._wanted:
                left -= self._pause(left)
            if self._wanted:
                self._tick()
                if not ticked:
                    ticked, kept = True, self._keep()
        if kept is not None:
            kept.close()
        _started.discard(self)

    def _goes_on(self) -> bool:
        with self._lock:
            self._there = self._wanted
            return self._there


def _start_with_stack(run: Callable[[], None]) -> None:
    """Starts a thread with the stack that the system gives: a program with many threads may want theirs to be small.

    A dump needs more than the least that they may have, and whose stack is full takes the process down.
    """
    given = _stack_size(0)  # which says what it was
    try:
        start_thread(run, ())
    finally:
        if given:
            _stack_size(given)


class _OfOneThread:
    """Stands where a filter of warnings has a regular expression.

    Copied or pickled, as by those who take their filters along to other processes, it matches nothing.
    """

    pattern = "(?!)"

    def __init__(self, ticker: Ticker) -> None:
        self._ticker = ticker

    def match(self, text: str) -> bool:
        try:
            begin, middle = _WARNING
            if not text.startswith(begin) or middle not in text or not self._ticker.is_only_other():
                return False
            self._ticker.after_warning()  # whoever matches is the last one to be asked
        except Exception:  # noqa: BLE001 - we are in the middle of the program's warning
            return False
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        return re.compile, (self.pattern,)


def _filters() -> list[Any] | None:
    """The filters that are in force; None where there are none."""
    filters = getattr(sys.modules.get("warnings"), "filters", None)
    return filters if type(filters) is list else None
