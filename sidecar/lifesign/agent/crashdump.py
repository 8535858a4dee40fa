"""Last words: the stacks that faulthandler writes, in C, where no Python can.

Two things of its own write them into the file ``last-words`` of the process's folder: its handlers
of fatal signals, and a dead-man's switch (``dump_traceback_later``) that the watchdog thread puts
off at its beat, and that goes off when a C call holds the GIL and no thread can beat any more. The switch
is for those who ask for it: it also goes off when a process that was stopped goes on, while bytecode runs,
and walking stacks then has crashed every Python so far (`tests/benchmarks/last_words.py`).

There is one of each in a process, and they may be the app's. An app, or pytest, that uses
faulthandler goes first, whether it began before us or begins later. Each is given a file object that
only faulthandler refers to: when it is gone, somebody else has taken the place, and we do not take it
back. What cannot be seen: a switch that the app sets in the moment between two beats after a fork, in
which ours is put away.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import weakref

from lifesign.agent.harmless import complain, harmless

SIGNALS, ON, OFF = "signals", "on", "off"  # what `LIFESIGN_LAST_WORDS` may say

_SWITCH_SECONDS = 5.0  # at least so long without a beat
_EVERY_SECONDS = 1.0  # putting the switch off makes a thread: not at every beat
_BYTES_MAX = 1 << 18  # what lies before the newest dump goes when the file is longer
_LOCK_SECONDS = 0.5
_FATAL = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)


class _Sink:
    """The file as faulthandler is given it."""

    __slots__ = ("__weakref__", "_descriptor")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def flush(self) -> None:
        """There is nothing to flush; faulthandler calls it."""


class _Place:
    """One of faulthandler's two places, and whether what is in it is ours."""

    def __init__(self) -> None:
        self._sink: weakref.ReferenceType[_Sink] | None = None

    def put(self, sink: _Sink) -> None:
        self._sink = weakref.ref(sink)

    def sink(self) -> _Sink | None:
        return None if self._sink is None else self._sink()

    def clear(self) -> None:
        self._sink = None


# Of the process, as faulthandler's own state is: an agent that is stopped and started again finds them.
_signals = _Place()
_switch = _Place()
_imported = False
_newest: LastWords | None = None
_hooked = False
_lock = threading.RLock()  # whoever holds it sets or forks; reentrant: a signal handler may fork during a fork


class LastWords:
    """The last words of this process.

    Args:
        folder: the process's folder; the file ``last-words`` is made in it where there is use for it.
        mode: its permission bits.
        how: ``signals`` (the handlers alone), ``on`` (the switch too) or ``off``.
        interval: seconds between two beats of the watchdog thread.
        after: seconds without a beat until the switch goes off; by default 5 or more.
    """

    def __init__(
        self, folder: str, mode: int, how: str = SIGNALS, interval: float = 0.1, *, after: float | None = None
    ) -> None:
        self.dumps = 0  # that the switch wrote, as far as this process has noticed
        # The margin: so long ago may the switch have been put off when the beats stop.
        self._every = _EVERY_SECONDS if after is None else 0.0
        self._after = max(_SWITCH_SECONDS, 3 * interval) + _EVERY_SECONDS if after is None else after
        self._next = 0.0
        self._closed = False
        self._set = False
        self._descriptor = -1
        self._end = 0
        for_signals, self._switching = _free(how)
        if not for_signals and not self._switching:
            return
        _follow_forks(self)
        try:
            self._open(os.path.join(folder, "last-words"), mode)
            if for_signals:
                _enable(_Sink(self._descriptor))
        except Exception as error:  # noqa: BLE001
            self._closed = True
            complain("there is no place for last words", error)

    def _open(self, path: str, mode: int) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        os.fchmod(self._descriptor, mode)
        made = os.fstat(self._descriptor)
        self._file = (made.st_dev, made.st_ino)

    def rearm(self) -> None:
        """The watchdog thread beats: puts the switch off. Most calls find that it is not time yet."""
        now = time.monotonic()
        if now < self._next or self._closed or self._descriptor < 0:
            return
        self._next = now + self._every
        lock = _lock
        if not lock.acquire(blocking=False):
            return  # a fork is under way
        try:
            if not self._closed:
                self._look_after()
        except Exception as error:  # noqa: BLE001
            self._switching = False
            complain("the switch of the last words could not be set", error)
        finally:
            lock.release()

    def disarm(self) -> None:
        """A clean end: the switch is put away. A crash on the way out still has its last words."""
        self._closed = True
        held = _lock.acquire(timeout=_LOCK_SECONDS)  # a beat may be setting it right now
        try:
            self._put_away()
        finally:
            if held:
                _lock.release()

    def hold(self) -> None:
        """Before a fork: puts the switch away. `resume` is to follow.

        A child that inherited a set switch would wait for its thread, which is not there, when it ends.
        """
        _lock.acquire(timeout=_LOCK_SECONDS)
        self._put_away()

    def resume(self) -> None:
        """After the fork, in the parent: the next beat sets the switch again."""
        self._next = 0.0
        with contextlib.suppress(RuntimeError):  # another thread's fork took too long, and the lock is that one's
            _lock.release()

    def abandon(self) -> None:
        """In a forked child: what it writes must not go into its parent's file."""
        self._closed = True
        _withdraw()
        if self._descriptor >= 0 and _switch.sink() is None and _signals.sink() is None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        self._descriptor = -1

    def _look_after(self) -> None:
        now = _stat(self._descriptor)
        if now is None or (now.st_dev, now.st_ino) != self._file:
            # The app closed every descriptor: the number may be anybody's by now.
            self._closed = True
            self._put_away()
            _withdraw()
            return
        if now.st_size != self._end:
            self.dumps += 1
            self._end = self._cut(now.st_size)
        if not self._switching:
            return
        import faulthandler

        sink = _switch.sink()
        if sink is None:
            if self._set:
                self._switching = False  # the app set or cancelled a switch of its own
                return
            sink = _Sink(self._descriptor)
            _switch.put(sink)
        self._set = True
        faulthandler.dump_traceback_later(self._after, repeat=False, file=sink)

    def _cut(self, size: int) -> int:
        """Of a file that got long keeps the newest dump; returns its new size."""
        if size <= _BYTES_MAX or not 0 < self._end < size:
            return size
        newest = os.pread(self._descriptor, size - self._end, self._end)
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, newest)
        return len(newest)

    def _put_away(self) -> None:
        self._set = False
        if _switch.sink() is not None:
            import faulthandler

            _switch.clear()
            faulthandler.cancel_dump_traceback_later()


def _follow_forks(words: LastWords) -> None:
    """Before the switch is set for the first time: a fork may come at any moment from then on."""
    global _newest, _hooked
    _newest = words
    if not _hooked:
        _hooked = True
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


def _before_fork() -> None:
    with harmless:
        if _newest is not None:
            _newest.hold()


def _after_fork() -> None:
    if _newest is not None:
        _newest.resume()


def _in_child() -> None:
    global _newest, _lock
    words, _newest, _lock = _newest, None, threading.RLock()
    with harmless:
        if words is not None:
            words.abandon()


def _withdraw() -> None:
    """Takes our handlers of fatal signals back, where they are still ours."""
    if _signals.sink() is not None:
        import faulthandler

        _signals.clear()
        faulthandler.disable()


def _free(how: str) -> tuple[bool, bool]:
    """Which of the two places are for us: fatal signals, the switch."""
    global _imported
    used = "faulthandler" in sys.modules and not _imported
    if how == OFF or "_pytest" in sys.modules:
        return False, False
    try:
        import faulthandler
    except ImportError:
        return False, False
    _imported = not used
    if _signals.sink() is None and (faulthandler.is_enabled() or _caught()):
        return False, False if used else _switch_wanted(how)
    # Whether the app has set a switch cannot be asked; that it knows faulthandler is enough to leave it alone.
    return True, not used and _switch_wanted(how)


def _switch_wanted(how: str) -> bool:
    # Without a GIL there is none to hold, and other threads would run on while it writes.
    return how == ON and sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()


def _caught() -> bool:
    """Whether somebody answers fatal signals already: a JVM in the process does, and goes on."""
    if any(signal.getsignal(number) is not signal.SIG_DFL for number in _FATAL):
        return True
    try:
        with open("/proc/self/status", "rb") as file:
            caught = next(int(line.split()[1], 16) for line in file if line.startswith(b"SigCgt:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return False
    return any(caught >> (number - 1) & 1 for number in _FATAL)


def _enable(sink: _Sink) -> None:
    import faulthandler

    _signals.put(sink)
    faulthandler.enable(file=sink, all_threads=True)


def _stat(descriptor: int) -> os.stat_result | None:
    try:
        return os.fstat(descriptor)
    except OSError:
        return None
