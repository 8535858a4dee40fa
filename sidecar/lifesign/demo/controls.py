"""The demo's keyboard: a letter and Enter triggers a failure. Works as well with a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Callable

HELP = (
    "type a letter and Enter:  b block the loop 5 s   g hold the GIL 5 s   l leak 1000 tasks   d deadlock two tasks\n"
    "  f fail a post-condition   s silence (no more orders)   r recover   k crash   q quit"
)


class Controls:
    """Calls `command` with every line that comes on `descriptor`, in the running loop, until it ends.

    No thread waits in a read here, and the terminal's flags are left alone: others use it too.
    """

    def __init__(self, descriptor: int, command: Callable[[str], None]) -> None:
        self._descriptor = descriptor
        self._command = command
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        # A file, /dev/null or a closed descriptor cannot be waited for, and has nothing to say.
        with contextlib.suppress(OSError, ValueError):
            self._loop.add_reader(descriptor, self._read)

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError, ValueError):
            self._loop.remove_reader(self._descriptor)

    def _read(self) -> None:
        try:
            received = os.read(self._descriptor, 1024)
        except OSError:  # the terminal went away
            received = b""
        if not received:
            self.close()
        *lines, self._rest = (self._rest[-1024:] + received).split(b"\n")
        for line in lines:
            self._command(line.decode(errors="replace").strip().lower())
