"""The crash dump: the stacks that faulthandler writes, in C, when no Python code can run.

Two parts of faulthandler write them into the file ``last-words`` of the process's folder: its handlers of
fatal signals, and a dead-man's switch (``dump_traceback_later``), which the watchdog thread postpones at its beats
and which fires when a C call holds the GIL and no thread can beat any more. The switch is opt-in: it also fires when
a stopped process is continued, while bytecode runs, and walking stacks then has crashed every Python version so far
(`tests/benchmarks/last_words.py`).

A process has one of each, and the app may use them. An app, or pytest, that uses faulthandler takes precedence,
whether it began before us or begins later. Each is given a file object that only faulthandler refers to: when that is
gone, somebody else has taken over, and we do not take it back. One case cannot be detected: the app sets a switch
between two beats after a fork, while ours is removed.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import time
import weakref
from typing import Callable

from lifesign.agent.harmless import complain, harmless
from lifesign.wire.folder import LAST_WORDS

SIGNALS, ON, OFF = "signals", "on", "off"  # what `LIFESIGN_LAST_WORDS` may say

_SWITCH_SECONDS = 5.0  # at least so long without a beat
_EVERY_SECONDS = 1.0  # postponing the switch makes a thread: not at every beat
_BYTES_MAX = 1 << 18  # a longer file is cut to its newest dump
_FATAL = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)


class CrashDump:
    """The file that faulthandler writes to, and its upkeep while this process lives.

    Args:
        create: makes a file in the process's folder (`OwnFolder.create`), for ``last-words`` if it is of use.
        how: ``signals`` (the handlers alone), ``on`` (the switch too) or ``off``.
        interval: seconds between two beats of the watchdog thread.
        after: seconds without a beat until the switch fires; by default 5 or more.
    """

    def __init__(
        self,
        create: Callable[[str, int], int],
        how: str = SIGNALS,
        interval: float = 0.1,
        *,
        after: float | None = None,
    ) -> None:
        self.dumps = 0  # that the switch wrote, as far as this process has noticed
        # The margin: so long ago may the switch have been put off when the beats stop.
        self._every = _EVERY_SECONDS if after is None else 0.0
        self._after = max(_SWITCH_SECONDS, 3 * interval) + _EVERY_SECONDS if after is None else after
        self._next = 0.0
        self._closed = False
        self._descriptor = -1
        self._file = (0, 0)
        self._end = 0
        for_signals, self._switching = _faulthandler.free(how)
        if not for_signals and not self._switching:
            return
        _faulthandler.follow_forks(self)
        try:
            self._descriptor = create(LAST_WORDS, os.O_APPEND)
            made = os.fstat(self._descriptor)
            self._file = (made.st_dev, made.st_ino)
            if for_signals:
                _faulthandler.enable(self._descriptor)
        except Exception as error:  # noqa: BLE001
            self._closed = True
            complain("there is no place for a crash dump", error)

    def rearm(self) -> None:
        """The watchdog thread beats: postpones the switch. Most calls find that it is not time yet."""
        now = time.monotonic()
        if now < self._next or self._descriptor < 0:
            return
        self._next = now + self._every
        try:
            if not self._closed and self._is_ours():
                self._switching = self._switching and _faulthandler.set_switch(self._descriptor, self._after)
        except Exception as error:  # noqa: BLE001
            self._switching = False
            complain("the switch of the crash dump could not be set", error)
        if self._closed:  # `disarm` came meanwhile
            _faulthandler.cancel_switch()

    def disarm(self) -> None:
        """A clean end: cancels the switch. A crash on the way out is still written."""
        self._closed = True
        _faulthandler.cancel_switch()

    def resume(self) -> None:
        """After `disarm`, where the agent is started again."""
        self._closed = self._descriptor < 0
        self._next = 0.0

    def rearm_soon(self) -> None:
        """The next beat looks after the file, and sets the switch again."""
        self._next = 0.0

    def abandon(self) -> None:
        """In a forked child: what it writes must not go into its parent's file."""
        self._closed = True
        _faulthandler.disable(self._descriptor)
        if self._is_our_file(_stat(self._descriptor)) and not _faulthandler.writes_for_us():
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        self._descriptor = -1

    def _is_ours(self) -> bool:
        """Whether the descriptor is still that of our file, which is kept from growing without bound."""
        now = _stat(self._descriptor)
        if now is None or not self._is_our_file(now):
            # The app closed every descriptor: the number may be anybody's by now.
            self._closed = True
            _faulthandler.cancel_switch()
            _faulthandler.disable(self._descriptor)
            return False
        if now.st_size != self._end:
            self.dumps += 1
            self._end = self._cut(now.st_size)
        return True

    def _is_our_file(self, found: os.stat_result | None) -> bool:
        return found is not None and (found.st_dev, found.st_ino) == self._file

    def _cut(self, size: int) -> int:
        """Of a file that got long keeps the newest dump; returns its new size."""
        if size <= _BYTES_MAX or not 0 < self._end < size:
            return size
        newest = os.pread(self._descriptor, size - self._end, self._end)
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, newest)
        return len(newest)


class _Sink:
    """The file as faulthandler is given it."""

    __slots__ = ("__weakref__", "_descriptor")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def flush(self) -> None:
        """There is nothing to flush; faulthandler calls it."""


def _nothing() -> None:
    """Stands in for the reference to a sink where there is none."""


class _Faulthandler:
    """faulthandler's two places, fatal signals and the switch, and which of them are ours.

    Of the process, as faulthandler's own state is: an agent that is stopped and started again finds them.

    A fork must find no switch set: a child that inherits one waits, when it ends, for a thread that it does not
    have. `_forks` counts those under way; while there is one, no switch is set. The lock is held for a moment only,
    never across a fork.
    """

    def __init__(self) -> None:
        self._signals: Callable[[], _Sink | None] = _nothing  # weak references to the sinks
        self._switch: Callable[[], _Sink | None] = _nothing
        self._switch_set = False
        self._imported = False  # by us, and not by the app before us
        self._lock = _thread.RLock()  # reentrant: a signal handler may fork
        self._forks = 0
        self._follower: CrashDump | None = None
        self._hooked = False

    def free(self, how: str) -> tuple[bool, bool]:
        """Which of the two places are for us: fatal signals, the switch."""
        used = "faulthandler" in sys.modules and not self._imported
        if how == OFF or "_pytest" in sys.modules:
            return False, False
        try:
            import faulthandler
        except ImportError:
            return False, False
        self._imported = not used
        # Whether the app has set a switch cannot be asked; that it knows faulthandler is enough to leave it alone.
        switch = not used and _switch_wanted(how)
        if self._signals() is None and (faulthandler.is_enabled() or _caught()):
            return False, switch
        return True, switch

    def enable(self, descriptor: int) -> None:
        """From now on fatal signals are ours, and written to this descriptor."""
        import faulthandler

        sink = _Sink(descriptor)
        self._signals = weakref.ref(sink)
        faulthandler.enable(file=sink, all_threads=True)

    def disable(self, descriptor: int) -> None:
        """Removes our handlers of fatal signals, if they are still ours."""
        sink = self._signals()
        if sink is not None and sink.fileno() == descriptor:
            import faulthandler

            self._signals = _nothing
            faulthandler.disable()

    def writes_for_us(self) -> bool:
        """Whether one of the two places still has our descriptor."""
        return self._signals() is not None or self._switch() is not None

    def set_switch(self, descriptor: int, after: float) -> bool:
        """Sets the switch to fire after this many seconds; False if the app has its own switch by now."""
        import faulthandler

        with self._lock:
            if self._forks:
                return True  # the next beat sets it
            sink = self._switch()
            if sink is None:
                if self._switch_set:
                    return False  # the app set or cancelled one
                sink = _Sink(descriptor)
                self._switch = weakref.ref(sink)
            self._switch_set = True
            faulthandler.dump_traceback_later(after, repeat=False, file=sink)
            return True

    def cancel_switch(self) -> None:
        """Cancels the switch, if it is ours."""
        with self._lock:
            self._switch_set = False
            if self._switch() is not None:
                import faulthandler

                self._switch = _nothing
                faulthandler.cancel_dump_traceback_later()

    def follow_forks(self, dump: CrashDump) -> None:
        """Before the switch is set for the first time: a fork may come at any moment from then on."""
        self._follower = dump
        if not self._hooked:
            self._hooked = True
            os.register_at_fork(
                before=self.before_fork, after_in_parent=self.after_fork, after_in_child=self.in_forked_child
            )

    def before_fork(self) -> None:
        with harmless:
            with self._lock:
                self._forks += 1
            self.cancel_switch()

    def after_fork(self) -> None:
        with self._lock:
            self._forks = max(0, self._forks - 1)
        if self._follower is not None:
            self._follower.rearm_soon()

    def in_forked_child(self) -> None:
        self._lock, self._forks = _thread.RLock(), 0  # another thread of the parent's may have held the old one
        dump, self._follower = self._follower, None
        with harmless:
            if dump is not None:
                dump.abandon()


_faulthandler = _Faulthandler()


def _switch_wanted(how: str) -> bool:
    # Without a GIL there is none to hold, and other threads would run on while it writes.
    return how == ON and sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()


def _caught() -> bool:
    """Whether somebody handles fatal signals already: a JVM in the process does, and continues."""
    if any(signal.getsignal(number) is not signal.SIG_DFL for number in _FATAL):
        return True
    try:
        with open("/proc/self/status", "rb") as file:
            caught = next(int(line.split()[1], 16) for line in file if line.startswith(b"SigCgt:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return False
    return any(caught >> (number - 1) & 1 for number in _FATAL)


def _stat(descriptor: int) -> os.stat_result | None:
    try:
        return os.fstat(descriptor)
    except OSError:
        return None
