"""The supervisor's signals: blocked from the start, taken one by one, each with its origin."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from types import TracebackType
from typing import NamedTuple

FORWARDED = frozenset(
    {
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGWINCH,
    }
)
ENDING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})

_HELD = FORWARDED | {signal.SIGCHLD}
_TICK = 0.05  # seconds between two polls where the platform cannot wait with a timeout


class Taken(NamedTuple):
    """A signal that arrived; `to_group`: the terminal sent it to our whole process group."""

    number: signal.Signals
    to_group: bool


class Signals:
    """Blocks the signals of the supervisor while the context lasts, and hands them out.

    Args:
        for_good: whether they stay blocked, since this process ends with the status of CMD, whatever comes after.

    Attributes:
        mask: the signal mask as it stood before, the one that CMD is to have.
        ignored: signals that whoever started us had ignored (``nohup``).
    """

    mask: set[int]
    ignored: set[signal.Signals]

    def __init__(self, *, for_good: bool = False) -> None:
        self._for_good = for_good
        self._polls = not hasattr(signal, "sigtimedwait")

    def __enter__(self) -> Signals:
        self.ignored = {number for number in FORWARDED if signal.getsignal(number) == signal.SIG_IGN}
        # Were SIGCHLD ignored, the kernel would reap CMD itself and its status were lost.
        self._handlers = {signal.SIGCHLD: signal.signal(signal.SIGCHLD, signal.SIG_DFL)}
        self.mask = set(signal.pthread_sigmask(signal.SIG_BLOCK, _HELD))
        if self._polls:
            # BSD kernels drop a blocked signal that would be ignored; any handler keeps it pending.
            for number in _HELD - self.ignored:
                self._handlers.setdefault(number, signal.getsignal(number))
                signal.signal(number, _nothing)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._for_good:
            return
        while self.take(0.0):
            pass  # a signal that came too late for CMD must not end us now
        for number, handler in self._handlers.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)

    def take(self, timeout: float | None) -> Taken | None:
        """Waits for the next signal, SIGCHLD among them; None after `timeout` seconds, or now and then."""
        if self._polls:
            return _poll(timeout)
        try:
            info = signal.sigwaitinfo(_HELD) if timeout is None else signal.sigtimedwait(_HELD, max(timeout, 0.0))
        except OSError:  # a sandbox does not allow it
            self._polls = True
            return None
        if info is None:
            return None
        number = signal.Signals(info.si_signo)
        # Above 0 the kernel speaks for itself; it hangs up on the leader of a session alone, though.
        to_group = info.si_code > 0 and not (number == signal.SIGHUP and os.getsid(0) == os.getpid())
        return Taken(number, to_group)


def _poll(timeout: float | None) -> Taken | None:
    if not signal.sigpending() & _HELD:
        time.sleep(_TICK if timeout is None else min(max(timeout, 0.0), _TICK))
    pending = signal.sigpending() & _HELD
    if not pending:
        return None
    number = signal.Signals(min(pending))
    _consume(number)
    typed = number in (signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH)
    return Taken(number, typed and _in_foreground())


def _consume(number: signal.Signals) -> None:
    """Lets a pending signal in, and does nothing about it."""
    before = signal.signal(number, _nothing)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    signal.signal(number, before if before is not None else signal.SIG_DFL)


def _in_foreground() -> bool:
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            return os.tcgetpgrp(descriptor) == os.getpgrp()
    return False


def _nothing(_number: int, _frame: object) -> None:
    pass
