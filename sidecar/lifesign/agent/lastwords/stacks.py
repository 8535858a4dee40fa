"""Stacks on demand: a real-time signal at which faulthandler writes what every thread is doing, also while C code holds
the GIL and no Python code can run.

The signal is for the watchdog's thread alone, which is why nothing is disturbed: no system call of another thread is
interrupted, whatever handles EINTR badly, and no program that an ``exec`` has put in our place can be hit, because no
thread but the main one survives that. A free signal is one that nobody handles, ignores or blocks. It is nobody
else's business while the process is well: `judge.gil.ask` says when it is sent.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from lifesign.agent.harmless import complain
from lifesign.agent.lastwords.crash import ON, signal_mask
from lifesign.agent.lastwords.ownfile import OwnFile
from lifesign.agent.native import get_native_id
from lifesign.agent.tasks import odd
from lifesign.wire.folder import STACKS, OwnFolder
from lifesign.wire.stacks.offer import KnownThread, StacksOffer, write_offer

_FIRST = 9  # behind SIGRTMIN: the first ones are what other libraries take
_EVERY_SECONDS = 1.0
_BYTES_MAX = 1 << 18  # of the file, which is emptied then
_THREADS_MAX = 1000


class StacksOnDemand:
    """Answers a signal for as long as this process lives, in its folder's file ``stacks``.

    Args:
        how: `ON`, or anything else for no such signal.
    """

    def __init__(self, folder: OwnFolder, how: str = ON) -> None:
        self._folder = folder
        self._on = how == ON and _possible()
        self._file: OwnFile | None = None
        self._signal = 0
        self._blocked = False  # it was, in the thread that answers it
        self._offered: StacksOffer | None = None
        self._thread = 0
        self._next = 0.0

    def beat(self) -> None:
        """The watchdog thread beats: its thread answers the signal from the first time on."""
        if not self._on:
            return
        try:
            if self._signal and not self._is_ours():
                self._on = False
                self._unregister()
                self._offer()
                return
            now = time.monotonic()
            if now < self._next and self._thread == get_native_id():
                return
            self._next = now + _EVERY_SECONDS
            if not self._signal:
                self._register()
            self._look_after_file()
            self._offer()
        except Exception as error:  # noqa: BLE001
            self._on = False
            complain("the stacks of a freeze cannot be asked for", error)

    def look_after_soon(self) -> None:
        """The next beat makes sure that the descriptor is still ours."""
        self._next = 0.0

    def withdraw(self) -> None:
        """The agent ends: nobody is to ask any more."""
        on, self._on = self._on, False
        try:
            self._unregister()
            if on:
                self._offer()
        except Exception as error:  # noqa: BLE001
            complain("the stacks of a freeze are still offered", error)

    def resume(self) -> None:
        """After `withdraw`, where the agent is started again."""
        self._on = self._file is not None
        self._next = 0.0

    def abandon(self) -> None:
        """In a forked child, whose stacks are not its parent's: lets go of signal and file, and writes nothing."""
        self._on = False
        try:
            self._unregister()
            if self._file is not None:
                self._file.close()
        except Exception as error:  # noqa: BLE001
            complain("the signal for stacks is still handled", error)

    def _register(self) -> None:
        import faulthandler

        self._file = self._file or OwnFile(self._folder.create, STACKS)
        number = _free_signal()
        if number:
            faulthandler.unregister(number)  # where the app has taken it from us and given it up, that still counts it
            # Not chained: before it there was nothing, and the default is the end of the process.
            faulthandler.register(number, file=self._file.sink(), all_threads=True, chain=False)
            # Of all signals the watchdog's thread takes this one.
            self._blocked = number in signal.pthread_sigmask(signal.SIG_UNBLOCK, (number,))
        self._signal = number
        self._on = number != 0

    def _unregister(self) -> None:
        number, self._signal = self._signal, 0
        if number and self._blocked and self._thread == get_native_id():
            signal.pthread_sigmask(signal.SIG_BLOCK, (number,))
        # Whoever handles it by now, in Python or by faulthandler, goes on doing so.
        if number and self._file is not None and self._file.is_given() and _is_default(number):
            import faulthandler

            faulthandler.unregister(number)

    def _is_ours(self) -> bool:
        return self._file is not None and self._file.is_given() and _is_default(self._signal)

    def _look_after_file(self) -> None:
        size = self._file.size() if self._file is not None else None
        if size is None:  # the app closed every descriptor: the number may be anybody's by now
            self._on = False
            self._unregister()
        elif size > _BYTES_MAX and self._file is not None:
            os.ftruncate(self._file.descriptor, 0)

    def _offer(self) -> None:
        """Writes down what is on offer, where that is something new."""
        self._thread = get_native_id()
        offer = StacksOffer(self._signal, self._thread, _threads() if self._signal else {})
        if offer != self._offered:
            write_offer(self._folder, offer)
            self._offered = offer


def _possible() -> bool:
    """Whether there is a GIL, a faulthandler with `register`, and a kernel that shows whether the signal is handled."""
    if sys.platform != "linux" or sys.implementation.name != "cpython" or "_pytest" in sys.modules:
        return False
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return False
    try:
        import faulthandler
    except ImportError:
        return False
    return hasattr(faulthandler, "register") and signal_mask("SigCgt") != 0


def _free_signal() -> int:
    """A real-time signal that nobody has anything to do with; 0 where there is none."""
    used = 0
    for name in ("SigCgt", "SigIgn", "SigBlk", "ShdPnd"):  # of the main thread and of the process
        used |= signal_mask(name)
    candidates = range(signal.SIGRTMIN + _FIRST, signal.SIGRTMAX)
    return next((number for number in candidates if not used >> (number - 1) & 1 and _is_default(number)), 0)


def _is_default(number: int) -> bool:
    """Whether Python knows of no handler for it: it does not see that of faulthandler."""
    return signal.getsignal(number) is signal.SIG_DFL


def _threads() -> dict[int, KnownThread]:
    """The threads that `threading` knows, by their ids; the newest are left out where there are very many."""
    active: dict[int, object] = dict(odd.read(sys.modules.get("threading"), "_active") or {})
    found = {}
    for ident, thread in list(active.items())[:_THREADS_MAX]:
        native = odd.native_id(thread)
        if type(ident) is int and native is not None:
            found[ident] = KnownThread(native, odd.text(odd.read(thread, "_name", "name") or ""))
    return found
