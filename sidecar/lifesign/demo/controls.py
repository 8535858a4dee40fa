"""The demo's keyboard: a letter triggers a failure, typed at a terminal or as a line through a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import termios
import tty
from typing import Any, Callable

HELP = (
    "type a letter (through a pipe: a line each):\n"
    "  b block the loop 5 s    g hold the GIL 5 s        d deadlock two tasks\n"
    "  p use up a pool         x fill an executor        c kill the consumers\n"
    "  w short stalls          z spin (no pause)         l leak 1000 tasks\n"
    "  s silence (no orders)   f fail a post-condition   k crash\n"
    "  y why is it ill         r recover                 q quit"
)


class Controls:
    """Calls `command` with every line that comes on `descriptor`, and at a terminal with every letter, until it ends.

    No thread waits in a read here. At a terminal letters come at once, without Enter and without an echo; `close` puts
    its settings back, and they stand aside while the program is suspended.
    """

    def __init__(self, descriptor: int, command: Callable[[str], None]) -> None:
        self._descriptor = descriptor
        self._command = command
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._before: list[Any] | None = None  # the terminal's settings
        # A file, /dev/null or a closed descriptor cannot be waited for, and has nothing to say.
        with contextlib.suppress(OSError, ValueError):
            self._loop.add_reader(descriptor, self._read)
        self._take_letters()

    @property
    def at_terminal(self) -> bool:
        """Whether letters come one by one."""
        return self._before is not None

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError, ValueError):
            self._loop.remove_reader(self._descriptor)
        if self._before is not None:
            self._loop.remove_signal_handler(signal.SIGCONT)
            self._put_back()

    def _take_letters(self) -> None:
        if not in_foreground(self._descriptor):
            return
        with contextlib.suppress(OSError, termios.error):
            before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor, termios.TCSANOW)
            if self._before is None:
                self._before = before
                # The shell has put its own settings back while the program was suspended.
                self._loop.add_signal_handler(signal.SIGCONT, self._take_letters)

    def _put_back(self) -> None:
        if self._before is not None and in_foreground(self._descriptor):
            with contextlib.suppress(OSError, termios.error):
                termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)

    def _read(self) -> None:
        try:
            received = os.read(self._descriptor, 1024)
        except OSError:  # the terminal went away
            received = b""
        if not received:
            self.close()
        if self._before is not None:
            if not received.startswith(b"\x1b"):  # that of a key with a name, such as an arrow, is no letter
                for letter in received.decode(errors="replace").lower():
                    if letter.isprintable() and not letter.isspace():
                        self._command(letter)
            return
        *lines, self._rest = (self._rest[-1024:] + received).split(b"\n")
        for line in lines:
            self._command(line.decode(errors="replace").strip().lower())


def in_foreground(descriptor: int) -> bool:
    """Whether this is a terminal whose settings the program may change: in the background that would stop it."""
    try:
        return os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False
