"""Whether a signal was sent to the supervisor alone, or to all of its group or service: then CMD has it already.

``timeout`` signals its process group, systemd each process of a service, a script with ``kill 0`` its own group.
The kernel says of a signal who sent it, not to whom else. So a process that does nothing stands beside CMD, with all
signals blocked: what was sent to everybody is pending there. Passed on as well, it would reach CMD twice, and uvicorn,
for one, takes a second SIGINT for an order to drop everything.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

from lifesign.cli.supervise.signals import FORWARDED

_PROGRAM = "cat"  # small, and it ends when its standard input does: with us, however we end
_WINDOW = 0.01  # seconds in which who signals several processes has come to all of them
_TICK = 0.001  # seconds
_SAME = 0.05  # seconds in which a second one is the same: `timeout` signals its child, and then the group
_PENDING = (b"SigPnd:", b"ShdPnd:")


class Sentinel:
    """One such process, while there is one: without, every signal counts as sent to us alone."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self._stdin, self._stdin_writer = os.pipe()
        self._to_all: dict[int, float] = {}  # monotonic seconds
        self._start()

    def saw(self, number: signal.Signals) -> bool:
        """Whether this signal, which has just reached us, was sent to others too; takes a moment to find out."""
        if time.monotonic() < self._to_all.get(number, 0.0):
            return True
        until = time.monotonic() + _WINDOW
        while self.pid is not None:
            if self._is_pending(number):
                self._to_all[number] = time.monotonic() + _SAME
                self._end()
                self._start()  # what is pending stays so: the next signal wants a new one
                return True
            if time.monotonic() >= until:
                break
            select.select([], [], [], _TICK)  # `time.sleep` waits for a moment, and a faked clock moves that
        return False

    def ended(self) -> None:
        """It was killed, and has been reaped."""
        self.pid = None

    def close(self) -> None:
        self._end()
        os.close(self._stdin)
        os.close(self._stdin_writer)

    def _start(self) -> None:
        actions = [(os.POSIX_SPAWN_DUP2, self._stdin, 0), (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                   (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]  # fmt: skip
        with contextlib.suppress(OSError):
            self.pid = os.posix_spawnp(
                _PROGRAM, [_PROGRAM], {"PATH": os.defpath}, file_actions=actions, setsigmask=FORWARDED
            )

    def _end(self) -> None:
        if self.pid is not None:
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            self.pid = None

    def _is_pending(self, number: signal.Signals) -> bool:
        try:
            with open(f"/proc/{self.pid}/status", "rb") as status:
                masks = [int(line.split()[1], 16) for line in status if line.startswith(_PENDING)]
        except OSError:  # it is gone, or the platform does not say
            self.pid = None
            return False
        return any(mask >> (number - 1) & 1 for mask in masks)
