"""The keys of a terminal, one by one, without Enter and without an echo."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import tty
from typing import Iterator

_NAMED = {
    "\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace", "\x1b": "escape", "\x03": "ctrl-c",
    "\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", "\x1bOA": "up", "\x1bOB": "down",
    "\x1b[5~": "page up", "\x1b[6~": "page down", "\x1b[H": "home",
    "\x1b[F": "end", "\x1b[1~": "home", "\x1b[4~": "end",
}  # fmt: skip
_BYTES = 1024


class Keys:
    """Reads the terminal `descriptor`; its settings are put back when the context ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> Keys:
        self._before = termios.tcgetattr(self._descriptor)
        tty.setcbreak(self._descriptor, termios.TCSANOW)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(self._descriptor, termios.TCSANOW, self._before)

    def pressed(self, timeout: float) -> list[str]:
        """The keys that were pressed, waited for so many seconds at most. Without a terminal any more: Ctrl-C."""
        if not select.select([self._descriptor], [], [], timeout)[0]:
            return []
        try:
            received = os.read(self._descriptor, _BYTES)
        except OSError:
            received = b""
        return list(names(received.decode(errors="replace"))) if received else ["ctrl-c"]


def names(received: str) -> Iterator[str]:
    """The keys behind what a terminal sends; what has no name and is not printable is left out."""
    while received:
        length = _length(received)
        key, received = received[:length], received[length:]
        name = _NAMED.get(key, key)
        if name.isprintable():
            yield name


def _length(received: str) -> int:
    """Of the first key."""
    if received[:2] not in ("\x1b[", "\x1bO"):
        return 1
    ends = (at + 1 for at, letter in enumerate(received[2:], 2) if letter.isalpha() or letter == "~")
    return next(ends, len(received))
