"""Watched processes as a table: a row each, and as many columns as the terminal is wide for."""

from __future__ import annotations

from typing import Callable, Mapping, NamedTuple, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from lifesign.cli.output.terminal import bytes_short, duration, printable
from lifesign.watch.telemetry import Snapshot, UsageReading

STYLES = {  # of the states, worst first
    "dead": "bold red",
    "frozen": "bold red",
    "blocked": "bold red",
    "silent": "yellow",
    "degraded": "yellow",
    "starting": "cyan",
    "healthy": "green",
    "idle": "dim",
    "stopped": "dim",
}
_WORST_FIRST = tuple(STYLES)
_NO_BEATS = ("frozen", "blocked")
_WIDE = 100  # columns of the terminal, from which on there is room for what a process uses
_NARROW = 75  # below which the state and the reason are all that there is room for
_WHY_MIN = 20  # columns
_BETWEEN = 2  # columns between two cells
_LEFT_OUT = ("FDS", "THR", "BUSY", "CPU", "DELAY", "TASKS", "BEAT", "UP", "MEM", "CPU%")  # in this order, without room
_SERVICE_MAX = 24  # characters, where the terminal is not wide


class Row(NamedTuple):
    """One process. `cpu` is how many processors it has used since the poll before, `delay` the worst delay of a loop
    since then, in seconds; None where that is not known."""

    snapshot: Snapshot
    cpu: float | None = None
    delay: float | None = None


class _Column(NamedTuple):
    heading: str
    text: Callable[[Row], str]
    from_width: int = 0
    live: bool = False  # it needs two polls
    right: bool = True


def _used(row: Row, of: Callable[[UsageReading], int | None], shown: Callable[[int], str] = str) -> str:
    value = of(row.snapshot.usage) if row.snapshot.usage is not None else None
    return "" if value is None else shown(value)


def processor_time(usage: UsageReading) -> float:
    """Seconds."""
    return usage.user + usage.system


def _cpu_time(row: Row) -> str:
    return duration(processor_time(row.snapshot.usage)) if row.snapshot.usage is not None else ""


_COLUMNS = (
    _Column("PID", lambda row: str(row.snapshot.pid)),
    _Column("SERVICE", lambda row: row.snapshot.service, right=False),
    _Column("STATE", lambda row: state(row.snapshot), right=False),
    _Column("BEAT", lambda row: duration(row.snapshot.beat_age) if row.snapshot.beats else "none", _NARROW),
    _Column("DELAY", lambda row: "" if row.delay is None else f"{row.delay * 1e3:.0f} ms", _WIDE, live=True),
    _Column("BUSY", lambda row: _share(row.snapshot.utilization), _WIDE, live=True),
    _Column("CPU%", lambda row: _share(row.cpu), _NARROW, live=True),
    _Column("CPU", _cpu_time, _WIDE),
    _Column("MEM", lambda row: _used(row, lambda usage: usage.memory, bytes_short), _NARROW),
    _Column("TASKS", lambda row: str(row.snapshot.tasks), _NARROW),
    _Column("THR", lambda row: _used(row, lambda usage: usage.threads), _WIDE),
    _Column("FDS", lambda row: _used(row, lambda usage: usage.descriptors), _WIDE),
    _Column("UP", lambda row: duration(row.snapshot.uptime), _NARROW),
    _Column("WHY", lambda row: reason(row.snapshot), right=False),
)


def table(
    rows: Sequence[Row], width: int, *, live: bool = False, fills: bool = False, selected: int | None = None
) -> Table:
    """The processes in the order they are given.

    Args:
        live: with what needs two polls, and each process in one line.
        fills: as wide as a terminal is; a pipe has no width to fill.
        selected: the number of the row that is marked.
    """
    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=fills, padding=(0, 1, 0, 0))
    columns = [column for column in _COLUMNS if width >= column.from_width and (live or not column.live)]
    columns = _with_room(columns, rows, width)
    for column in columns:
        last = column.heading == "WHY"
        service = _SERVICE_MAX if column.heading == "SERVICE" and width < 2 * _WIDE else None
        made.add_column(
            column.heading,
            justify="right" if column.right else "left",
            no_wrap=live or not last,
            overflow="ellipsis" if live or service else "fold",
            max_width=service,
            min_width=_WHY_MIN if last else None,
            ratio=1 if fills and last else None,
        )
    for number, row in enumerate(rows):
        colour = STYLES.get(row.snapshot.state, "")
        cells = [Text(printable(column.text(row)), colour if column.heading == "STATE" else "") for column in columns]
        made.add_row(*cells, style="reverse" if number == selected else "")
    return made


def _with_room(columns: list[_Column], rows: Sequence[Row], width: int) -> list[_Column]:
    """Those that there is room for beside the reason; at the very least, who is in which state."""

    def fits(some: Sequence[_Column]) -> bool:
        taken = (_WHY_MIN if one.heading == "WHY" else _width(one, rows) + _BETWEEN for one in some)
        return sum(taken) <= width

    for heading in _LEFT_OUT:
        if fits(columns):
            return columns
        columns = [one for one in columns if one.heading != heading]
    if not fits(columns):
        columns = [
            one._replace(text=lambda row: row.snapshot.state) if one.heading == "STATE" else one for one in columns
        ]
    for heading in ("WHY", "SERVICE"):
        if not fits(columns):
            columns = [one for one in columns if one.heading != heading]
    return columns


def _width(column: _Column, rows: Sequence[Row]) -> int:
    widest = max((len(printable(column.text(row))) for row in rows), default=0)
    return max(len(column.heading), min(widest, _SERVICE_MAX) if column.heading == "SERVICE" else widest)


def state(snapshot: Snapshot) -> str:
    """The state is a word of its own, whatever conditions follow it: scripts cut it out."""
    return f"{snapshot.state} ({', '.join(snapshot.conditions)})" if snapshot.conditions else snapshot.state


def reason(snapshot: Snapshot) -> str:
    """The cause in one sentence where one is known, or else what is seen."""
    return snapshot.causes[0].sentence if snapshot.causes else snapshot.why


def severity(snapshot: Snapshot) -> tuple[float, ...]:
    """Sorts the worst first: by state, among alike those with a condition or a cause, then by how long nothing turned.

    The beats of those that are well are of no account: they would change places at each poll.
    """
    place = _WORST_FIRST.index(snapshot.state) if snapshot.state in _WORST_FIRST else 0
    known = 0.5 * bool(snapshot.conditions) + 0.25 * bool(snapshot.causes)
    return place - known, -snapshot.beat_age if snapshot.state in _NO_BEATS else 0


def counts(snapshots: Sequence[Snapshot]) -> Mapping[str, int]:
    """How many are in each state, in the order in which they come."""
    found: dict[str, int] = {}
    for snapshot in snapshots:
        found[snapshot.state] = found.get(snapshot.state, 0) + 1
    return found


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"
