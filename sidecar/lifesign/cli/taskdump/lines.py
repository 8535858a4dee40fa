"""Lines that keep to the width of the terminal."""

from __future__ import annotations

from typing import Iterator

from rich.console import Console, ConsoleOptions
from rich.text import Text

INDENT = "    "
_WIDTH_MIN = 20


class Hanging:
    """An indented text that is folded at the edge, its further lines indented too."""

    def __init__(self, text: Text) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        for line in self._text.wrap(console, max(_WIDTH_MIN, options.max_width - len(INDENT))):
            line.rstrip()
            line.pad_left(len(INDENT))
            yield line


class OneLine:
    """A text that is cut at the edge: folded, it would break the guides of a tree."""

    def __init__(self, text: Text) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        width = max(_WIDTH_MIN, options.max_width)
        line = self._text.copy()
        if line.cell_len > width:
            line.truncate(width - 3)
            line.append("...")
        yield uncut(line)


def uncut(line: Text) -> Text:
    """`line` as it is, however long: a path in two pieces opens nowhere."""
    line.no_wrap, line.overflow = True, "ignore"
    return line
