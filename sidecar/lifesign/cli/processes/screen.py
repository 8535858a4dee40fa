"""What `lifesign top` shows, and what a key does to it: no terminal is touched here."""

from __future__ import annotations

from typing import Callable, NamedTuple, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.text import Text

from lifesign.cli.output.terminal import hanging, printable
from lifesign.cli.processes import explained
from lifesign.cli.processes.table import STYLES, Row, counts, processor_time, reason, severity, table

_BELOW_MIN = 3  # lines
_HEAD = 4  # lines above the rows and below them
HELP = (
    ("up, down, j, k", "select a process"),
    ("g, G", "first, last"),
    ("w, Enter", "why: what is wrong with it, and where"),
    ("d", "dump: its tasks, by where they wait"),
    ("i", "what it uses, its events and checks"),
    ("s, S", "sort by the next column"),
    ("/", "filter: state, service, PID, words of the reason"),
    ("Esc", "back; and no filter"),
    ("p", "pause"),
    ("Ctrl-Z", "suspend"),
    ("q, Ctrl-C", "leave"),
    ("?", "this help"),
)
_KEYS = "w why  d dump  i info  s sort  / filter  p pause  ? help  q quit"
_KEYS_IN_TEXT = "up, down, space: scroll   Esc: back   q: quit"


class Sorting(NamedTuple):
    """An order of the rows."""

    name: str
    key: Callable[[Row], tuple[float, ...]]


SORTINGS = (
    Sorting("worst", lambda row: severity(row.snapshot)),
    Sorting("cpu", lambda row: (-(row.cpu or 0.0), -processor_time(row.snapshot.usage) if row.snapshot.usage else 0)),
    Sorting("memory", lambda row: (-((row.snapshot.usage and row.snapshot.usage.memory) or 0),)),
    Sorting("tasks", lambda row: (-row.snapshot.tasks,)),
    Sorting("delay", lambda row: (-(row.delay or 0.0),)),
    Sorting("up", lambda row: (-row.snapshot.uptime,)),
    Sorting("pid", lambda row: (row.snapshot.pid,)),
)


class Screen:
    """The list of processes, or a text about one of them.

    Attributes:
        filter: what rows have to contain.
        paused: nothing new is to be shown.
    """

    def __init__(self, sorting: str = SORTINGS[0].name) -> None:
        self.filter = ""
        self.paused = False
        self._sorting = [one.name for one in SORTINGS].index(sorting)
        self._rows: Sequence[Row] = ()
        self._selected = ""  # the key of a process
        self._typing = False
        self._title = ""
        self._text: list[Text] | None = None
        self._scrolled = 0
        self._page = 10
        self.note = ""

    def update(self, rows: Sequence[Row]) -> None:
        """The newest processes."""
        self._rows = rows

    def show(self, title: str, text: list[Text]) -> None:
        """A text instead of the list, until Esc."""
        self._title, self._text, self._scrolled = title, text, 0

    def selected(self) -> Row | None:
        """The process that is marked."""
        shown = self.shown()
        return next((row for row in shown if row.snapshot.key == self._selected), shown[0] if shown else None)

    def shown(self) -> list[Row]:
        """The rows that pass the filter, in their order."""
        words = self.filter.lower().split()
        rows = [row for row in self._rows if all(word in _searched(row) for word in words)]
        return sorted(rows, key=SORTINGS[self._sorting].key)

    def press(self, key: str) -> str:
        """What a key asks for that is not done here: ``quit``, ``why``, ``dump``, ``info`` or nothing."""
        if key == "ctrl-c":
            return "quit"
        if self._typing:
            self._type(key)
        elif self._text is not None:
            return self._read_on(key)
        elif key in ("q", "w", "enter", "d", "i"):
            return {"q": "quit", "d": "dump", "i": "info"}.get(key, "why")
        elif key in ("down", "j", "up", "k", "g", "G", "home", "end", "page down", "page up"):
            self._select(key)
        elif key in ("s", "S"):
            self._sorting = (self._sorting + (1 if key == "s" else -1)) % len(SORTINGS)
        elif key == "/":
            self._typing = True
        elif key == "p":
            self.paused = not self.paused
        elif key == "escape":
            self.filter = ""
        elif key == "?":
            self.show("help", [Text(f"  {keys:<14}  {does}") for keys, does in HELP])
        return ""

    def _type(self, key: str) -> None:
        if key in ("enter", "escape"):
            self._typing = False
            self.filter = "" if key == "escape" else self.filter
        elif key == "backspace":
            self.filter = self.filter[:-1]
        elif len(key) == 1:
            self.filter += key

    def _read_on(self, key: str) -> str:
        if key == "q":
            return "quit"
        if key in ("escape", "left", "backspace", "h"):
            self._text = None
        by = {"down": 1, "j": 1, "enter": 1, "up": -1, "k": -1, " ": self._page, "page down": self._page}
        by |= {"page up": -self._page, "g": -(10**6), "home": -(10**6), "G": 10**6, "end": 10**6}
        self._scrolled += by.get(key, 0)
        return ""

    def _select(self, key: str) -> None:
        keys = [row.snapshot.key for row in self.shown()]
        if not keys:
            return
        at = keys.index(self._selected) if self._selected in keys else 0
        to = {"g": 0, "home": 0, "G": len(keys), "end": len(keys)}.get(key)
        by = {"down": 1, "j": 1, "up": -1, "k": -1, "page down": self._page, "page up": -self._page}
        to = at + by.get(key, 0) if to is None else to
        self._selected = keys[min(max(to, 0), len(keys) - 1)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, height = options.max_width, options.height or console.height
        self._page = max(1, height - _HEAD)
        lines = self._of_text(console, options) if self._text is not None else self._of_list(console, options)
        keys = f"filter: {self.filter}_" if self._typing else _KEYS if self._text is None else _KEYS_IN_TEXT
        foot = Text(printable(self.note or keys)[:width], "yellow" if self.note else "dim")
        lines = [*lines[: height - 1], *[[Segment("")]] * max(0, height - 1 - len(lines))]
        for line in lines:
            yield from line
            yield Segment.line()
        yield from console.render_lines(foot, options.update(height=1), pad=False)[0]

    def _of_list(self, console: Console, options: ConsoleOptions) -> list[list[Segment]]:
        shown = self.shown()
        marked = self.selected()
        at = shown.index(marked) if marked is not None else 0
        first = max(0, min(at - self._page // 2, len(shown) - self._page))
        page = shown[first : first + self._page]
        body = table(page, options.max_width, live=True, fills=True, selected=at - first)
        if not page:
            nothing = (
                f"nothing matches {self.filter!r}" if self._rows else "no process is watched yet: lifesign run -- CMD"
            )
            return _lines(console, options, self._headline(len(shown)), Text(f"\n  {printable(nothing)}"))
        lines = _lines(console, options, self._headline(len(shown)), body)
        room = (options.height or console.height) - len(lines) - 2
        if room >= _BELOW_MIN and marked is not None:  # of the one that is marked, what is wrong with it
            lines.append([Segment("")])
            lines += _lines(console, options, *explained.lines(marked.snapshot))[:room]
        return lines

    def _headline(self, shown: int) -> Text:
        snapshots = [row.snapshot for row in self._rows]
        parts: list[str | tuple[str, str]] = [
            ("lifesign top", "bold"),
            f"  {len(snapshots)} process{'es' * (len(snapshots) != 1)}",
        ]
        for state, count in sorted(counts(snapshots).items(), key=lambda item: item[0]):
            parts += ["  ", (f"{count} {printable(state)}", STYLES.get(state, ""))]
        parts.append((f"  by {SORTINGS[self._sorting].name}", "dim"))
        if self.filter:
            parts.append((f"  {shown} match {printable(self.filter)}", "yellow"))
        if self.paused:
            parts.append(("  paused", "yellow"))
        return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")

    def _of_text(self, console: Console, options: ConsoleOptions) -> list[list[Segment]]:
        lines = _lines(console, options, *(self._text or ()))
        page = self._page + 1
        self._scrolled = max(0, min(self._scrolled, len(lines) - page))
        rest = len(lines) - page - self._scrolled
        more = f"  {rest} more line{'s' * (rest != 1)}" if rest > 0 else ""
        head = Text.assemble((printable(self._title), "bold"), (more, "dim"), no_wrap=True, overflow="ellipsis")
        return _lines(console, options, head) + lines[self._scrolled : self._scrolled + page]


def _lines(console: Console, options: ConsoleOptions, *parts: object) -> list[list[Segment]]:
    free = options.update(height=None)
    hung = (hanging(part) if isinstance(part, Text) else part for part in parts)
    return [line for part in hung for line in console.render_lines(part, free, pad=False)]  # type: ignore[arg-type]


def _searched(row: Row) -> str:
    one = row.snapshot
    return " ".join((str(one.pid), one.service, one.command, one.state, *one.conditions, reason(one))).lower()
