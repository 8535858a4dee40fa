"""What a benchmark has found: tables of measurements, what is computed of them, and their form as JSON."""

from __future__ import annotations

import json
import re
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterable, Sequence

RATIO, ADDED, CHANGE = "ratio", "added", "change"


@dataclass(frozen=True)
class Compared:
    """A column that is computed: what `column` is beside `base`, pair by pair.

    Args:
        how: `ratio` (base / column: how many times cheaper), `added` (column - base), or `change` (per cent of base).
    """

    name: str
    column: str
    base: str
    how: str = RATIO


@dataclass
class Table:
    """One quantity: a row for each situation, a column for each side, and every measurement of it.

    Args:
        name: what others refer to it by.
        title: the quantity and its unit.
        drawn: what the rows are counted in, where they are numbers: then there is a picture of it.
    """

    name: str
    title: str
    columns: Sequence[str]
    digits: int = 2
    compared: Sequence[Compared] = ()
    drawn: str = ""
    rows: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, row: str, column: str, *values: float) -> None:
        assert column in self.columns, column
        self.rows.setdefault(row, {}).setdefault(column, []).extend(values)

    def values(self, row: str, column: str) -> list[float]:
        return self.rows.get(row, {}).get(column, [])

    @property
    def headings(self) -> list[str]:
        return ["", *self.columns, *(one.name for one in self.compared)]

    def cells(self) -> Iterable[list[str]]:
        """The rows as text: medians, and from where to where they go."""
        for row in self.rows:
            measured = [spread(self.values(row, column), self.digits) for column in self.columns]
            yield [row, *measured, *(self.comparison(row, one) for one in self.compared)]

    def curves(self) -> dict[str, list[tuple[float, float]]]:
        """The medians by side, in the order of the rows, which are numbers."""
        return {
            column: [
                (float(row.replace(",", "")), statistics.median(columns[column]))
                for row, columns in self.rows.items()
                if columns.get(column)
            ]
            for column in self.columns
        }

    def picture(self, benchmark: str) -> str:
        """The name of its file."""
        return f"performance-{benchmark}-{re.sub('[^a-z0-9]+', '-', self.name.lower())}.svg"

    def comparison(self, row: str, one: Compared) -> str:
        found = compare(self.values(row, one.column), self.values(row, one.base), one.how)
        if one.how == RATIO:
            return spread(found, 1, "x")
        return spread(found, 1, " %", sign=True) if one.how == CHANGE else spread(found, self.digits, sign=True)


def compare(ours: Sequence[float], base: Sequence[float], how: str) -> list[float]:
    """Pair by pair where there are pairs: what slows a machine down for a while slows both. Else by the medians."""
    if not ours or not base:
        return []
    pairs = list(zip(ours, base)) if len(ours) == len(base) else [(statistics.median(ours), statistics.median(base))]
    return [_HOW[how](one, other) for one, other in pairs if _HOW[how] is _added or (one > 0 and other > 0)]


def _added(ours: float, base: float) -> float:
    return ours - base


_HOW: dict[str, Callable[[float, float], float]] = {
    RATIO: lambda ours, base: base / ours,
    ADDED: _added,
    CHANGE: lambda ours, base: 100 * (ours / base - 1),
}


def spread(values: Sequence[float], digits: int = 2, unit: str = "", *, sign: bool = False) -> str:
    """The median, and from where to where they go."""
    if not values:
        return "-"
    form = f"{'+' if sign else ''},.{digits}f"
    middle = f"{statistics.median(values):{form}}{unit}"
    low, high = f"{min(values):{form}}", f"{max(values):{form}}"
    return middle if low == high else f"{middle} [{low}..{high}]"


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie; the largest for 1."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else float("nan")


@dataclass
class Result:
    """One benchmark, and the machine while it ran."""

    title: str
    about: str
    when: str
    commit: str
    load: tuple[float, float]  # of the machine in the minute before it began, and before its end
    seconds: float
    tables: list[Table]

    def table(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)


@dataclass
class Report:
    """All of them, by name, and where they ran."""

    machine: dict[str, str]
    results: dict[str, Result] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(_rounded(asdict(self)), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Report:
        made = json.loads(path.read_text())
        for name, result in made["results"].items():
            for table in result["tables"]:
                table["compared"] = [Compared(**one) for one in table["compared"]]
            tables = [Table(**table) for table in result["tables"]]
            made["results"][name] = Result(**{**result, "tables": tables, "load": tuple(result["load"])})
        return cls(**made)


def _rounded(value: Any) -> Any:
    """Six digits say all that a measurement knows."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, (list, tuple)) else value
