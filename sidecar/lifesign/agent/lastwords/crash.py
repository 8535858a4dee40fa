"""The crash dump: the stacks that faulthandler's handlers of fatal signals write, in C, as the process ends.

They are written into the file ``last-words`` of the process's folder. A process has one set of these handlers, and the
app may use them: an app, or pytest, that uses faulthandler takes precedence, whether it began before us or begins
later. faulthandler is given a file object that nobody else refers to: when that is gone, somebody else has taken over,
and we do not take it back.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import Callable

from lifesign.agent.harmless import complain
from lifesign.agent.lastwords.ownfile import OwnFile
from lifesign.wire.folder import LAST_WORDS

ON, SIGNALS, OFF = "on", "signals", "off"  # what `LIFESIGN_LAST_WORDS` may say

_EVERY_SECONDS = 1.0
_FATAL = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)

# Of the process, as faulthandler's own state is: an agent that is stopped and started again finds it.
_enabled: OwnFile | None = None


class CrashDump:
    """The file that faulthandler writes to, and its upkeep while this process lives.

    Args:
        create: makes a file in the process's folder (`OwnFolder.create`), for ``last-words`` if it is of use.
        how: ``off`` for none.
    """

    def __init__(self, create: Callable[[str, int], int], how: str = ON) -> None:
        global _enabled
        self._file: OwnFile | None = None
        self._next = 0.0
        if how == OFF or "_pytest" in sys.modules or not _free():
            return
        try:
            import faulthandler

            file = OwnFile(create, LAST_WORDS)
            faulthandler.enable(file=file.sink(), all_threads=True)
            self._file = _enabled = file
        except Exception as error:  # noqa: BLE001
            complain("there is no place for a crash dump", error)

    def look_after(self) -> None:
        """At each beat: the app may have closed the descriptor, whose number is then anybody's."""
        now = time.monotonic()
        if self._file is not None and now >= self._next:
            self._next = now + _EVERY_SECONDS
            if self._file.size() is None:
                self.abandon()

    def look_after_soon(self) -> None:
        """The next beat does."""
        self._next = 0.0

    def abandon(self) -> None:
        """Removes the handlers, if they are still ours. In a forked child: its crash is not its parent's."""
        global _enabled
        file, self._file = self._file, None
        if file is None:
            return
        if file is _enabled:
            _enabled = None
            if file.is_given():
                import faulthandler

                faulthandler.disable()
        file.close()


def _free() -> bool:
    """Whether fatal signals are nobody's, or ours already."""
    if _enabled is not None and _enabled.is_given():
        return True
    try:
        import faulthandler
    except ImportError:
        return False
    return not faulthandler.is_enabled() and not _caught()


def _caught() -> bool:
    """Whether somebody handles fatal signals already: a JVM in the process does, and continues."""
    if any(signal.getsignal(number) is not signal.SIG_DFL for number in _FATAL):
        return True
    caught = signal_mask("SigCgt")
    return any(caught >> (number - 1) & 1 for number in _FATAL)


def signal_mask(name: str) -> int:
    """The signals of one line of ``/proc/self/status``, a bit for each; 0 where the kernel does not say."""
    try:
        with open("/proc/self/status", "rb") as file:
            start = name.encode() + b":"
            return next(int(line.split()[1], 16) for line in file if line.startswith(start))
    except (OSError, ValueError, IndexError, StopIteration):
        return 0
