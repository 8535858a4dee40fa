"""What a command waits for, in one line of the terminal's standard error that goes when the wait is over."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType

from lifesign.cli.output.terminal import printable

_AFTER_SECONDS = 1.0  # what is faster needs no word
_CLEAR = "\r\x1b[2K"


class Progress:
    """Use it as a context. Where standard error is no terminal it says nothing."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._shown = ""

    def waits_for(self, what: str) -> None:
        """To be called again and again during the wait."""
        waited = time.monotonic() - self._since
        line = f"{printable(what)}: {waited:.0f} s"
        if waited >= _AFTER_SECONDS and line != self._shown and sys.stderr.isatty():
            self._show(line)

    def announce(self, what: str) -> None:
        """To be called once, before what is known to take a second or more."""
        if sys.stderr.isatty():
            self._show(f"{printable(what)} ...")

    def _show(self, line: str) -> None:
        columns = shutil.get_terminal_size().columns - 1  # a line that is folded cannot be cleared
        sys.stderr.write(_CLEAR + line[:columns])
        sys.stderr.flush()
        self._shown = line

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._shown:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()
