"""How a process ended, from the kernel and without its parent's help. Linux only; elsewhere nothing is known.

A descriptor of the process (``pidfd_open``) is held while it lives: its number may be anybody's afterwards. Since
Linux 6.15 the kernel tells the exit status of whoever is gone to those who hold one. Before that the status can be
read for as long as the parent has not reaped the process.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
from typing import NamedTuple

from lifesign.judge.kernel import holder, stat_fields
from lifesign.wire.runfile import signal_name

_INFO = struct.Struct("<QQ11Ii")  # struct pidfd_info in its first form: mask, cgroup, eleven ids, exit status
_INFO_EXIT = 1 << 3
_GET_INFO = 3 << 30 | _INFO.size << 16 | 0xFF << 8 | 11  # _IOWR(0xFF, 11, struct pidfd_info)
_ZOMBIE = "Z"
_EXIT_STATUS = 49  # its place in ``/proc/PID/stat`` behind the name


class Exit(NamedTuple):
    """An exit code, or the name of the signal that killed it."""

    code: int | None
    signal: str | None


class ExitStatus:
    """Waits for the exit status of the process that holds a life token.

    Args:
        life: descriptor of the token.
        own: what the process calls itself: its number in its own namespace.
    """

    def __init__(self, life: int, own: int) -> None:
        self._life = life
        self._own = own
        self._pid = 0
        self._descriptor = -1
        self._tried = False

    def hold(self) -> None:
        """To be called while the process lives: takes hold of it, the first time."""
        if self._tried:
            return
        self._tried = True
        try:
            self._pid = holder(self._life)
            if self._pid and hasattr(os, "pidfd_open"):
                self._descriptor = os.pidfd_open(self._pid)
                # Whether the number is somebody else's by now, or the token is.
                if own_number(self._pid) != self._own or holder(self._life) != self._pid:
                    self.close()
        except (OSError, ValueError):
            self.close()

    def lives(self) -> bool | None:
        """Whether the process is there; None where that is not known."""
        if self._descriptor < 0:
            return None
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return not poll.poll(0)

    def read(self) -> Exit | None:
        """How it ended; None where that is not known."""
        if self._descriptor < 0 or self.lives():
            return None
        try:
            status = self._from_kernel()
            if status is None:
                status = self._from_zombie()
        except (OSError, ValueError, IndexError):
            return None
        if status is None:
            return None
        code = os.waitstatus_to_exitcode(status)
        return Exit(code, None) if code >= 0 else Exit(None, signal_name(-code))

    def close(self) -> None:
        """Lets go of it."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _from_kernel(self) -> int | None:
        asked = bytearray(_INFO.pack(_INFO_EXIT, *([0] * 13)))
        try:
            fcntl.ioctl(self._descriptor, _GET_INFO, asked)
        except OSError:  # a kernel before 6.13
            return None
        mask, *_, status = _INFO.unpack(asked)
        return status if mask & _INFO_EXIT else None

    def _from_zombie(self) -> int | None:
        # To a stranger the kernel shows 0. It is reaped if its number is another process by now.
        if os.stat(f"/proc/{self._pid}").st_uid != os.geteuid():
            return None
        fields = stat_fields(self._pid)
        return int(fields[_EXIT_STATUS]) if fields[0] == _ZOMBIE else None


def own_number(pid: int) -> int:
    """What a process calls itself; it may be in a namespace of its own."""
    with open(f"/proc/{pid}/status", "rb") as file:
        numbers = next((line.split()[1:] for line in file if line.startswith(b"NSpid:")), [b"0"])
    return int(numbers[-1])
