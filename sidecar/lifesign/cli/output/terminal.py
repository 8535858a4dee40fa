"""Terminal output: messages on standard error, a rich console for tables and trees."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
from typing import TYPE_CHECKING, Any, Iterator, Mapping, TextIO

from lifesign.errors import LifesignError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

JSON_SCHEMA = 1  # of what all commands print: higher where a program that reads it would have to change
_PIPE_WIDTH = 1000  # columns; a pipe has no edge to fold a line at
_TRAILING_BLANKS = re.compile(r" +$", re.MULTILINE)


def printable(text: str) -> str:
    """`text` with everything escaped that a terminal would act on: controls, bidi marks, line breaks."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def duration(seconds: float) -> str:
    """``0.3s``, ``42s``, ``3m 20s``, ``5h 03m``, ``2d 04h``."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02d}h"


def bytes_short(count: int) -> str:
    """``512K``, ``48M``, ``1.2G``: as much as fits into a column."""
    size, unit = _scaled(count)
    return f"{size:.1f}{unit}" if unit and size < 10 else f"{size:.0f}{unit}"


def bytes_long(count: int) -> str:
    """``512 KiB``, ``48 MiB``, ``1.2 GiB``."""
    size, unit = _scaled(count)
    return f"{size:.1f} {unit}iB" if unit and size < 10 else f"{size:.0f} {f'{unit}iB' if unit else 'bytes'}"


def _scaled(count: int) -> tuple[float, str]:
    size = float(count)
    for unit in ("", "K", "M", "G"):
        if size < 1000:
            return size, unit
        size /= 1024
    return size, "T"


def say(text: str) -> None:
    """One line on standard error, in one write; a closed standard error is no error.

    What it names, such as a path, may be somebody else's choice: of what a terminal acts on only line breaks are left.
    """
    with contextlib.suppress(OSError):
        os.write(2, f"lifesign: {chr(10).join(map(printable, text.split(chr(10))))}\n".encode())


def complain(error: LifesignError, before: str = "") -> None:
    """What happened and what to try, on standard error."""
    hint = f"\n  try: {printable(error.hint)}" if error.hint else ""
    say(f"{before}{printable(error.what)}{hint}")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Inside, nothing is logged, such as of records that cannot be read: this is not the place for it."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def console(*, stderr: bool = False) -> Console:
    """A console on standard output (or error) that takes every text literally; NO_COLOR is honoured by rich."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    with contextlib.suppress(AttributeError):  # a replaced stream may not know how
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    is_pipe = not stream.isatty()

    class Reliable(Console):
        """rich would end this process by its own exit code."""

        def on_broken_pipe(self) -> None:
            self.quiet = True
            if not stderr:  # what nobody reads on standard error costs nothing
                raise BrokenPipeError

    to: Any = _WithoutTrailingBlanks(stream) if is_pipe else None
    width = _PIPE_WIDTH if is_pipe else None
    return Reliable(file=to, stderr=stderr, markup=False, highlight=False, emoji=False, width=width)


class _WithoutTrailingBlanks:
    """A stream that is given whole lines: a table has columns as wide as their widest cell, the last one too."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(_TRAILING_BLANKS.sub("", text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def hanging(line: Text) -> Padding | Text:
    """A line whose rest, where it has to be folded, begins where it began."""
    from rich.padding import Padding

    indent = len(line.plain) - len(line.plain.lstrip(" "))
    return Padding(line[indent:], (0, 0, 0, indent), expand=False) if indent else line


def print_json(content: Mapping[str, Any]) -> None:
    """`content` as JSON in ASCII, so that no text of the main process can reach the terminal raw."""
    print(json.dumps({"schema": JSON_SCHEMA, **content}, indent=2, ensure_ascii=True))
