"""What a soak says: a table by tenths of its time, a picture, and a verdict on memory."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Sequence

import pygal
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from soak.stage import Sample

_ROWS = 10
_WARM = 0.25  # of the run, after which memory should stay where it is
_GROWTH_MAX = 0.05
_GROWTH_BYTES = 2 << 20
_MIB = 1 << 20
PROCESSES = ("main", "twin", "sidecar")


class Moment(NamedTuple):
    """One sample of everything; `at` in seconds, `spool` in bytes."""

    at: float
    samples: dict[str, Sample]
    spool: int


class Verdict(NamedTuple):
    """Whether the memory of one process was flat after it was warm; bytes, medians of both ends."""

    name: str
    before: int
    after: int

    @property
    def flat(self) -> bool:
        return self.after - self.before <= max(_GROWTH_BYTES, self.before * _GROWTH_MAX)

    def __str__(self) -> str:
        word = "flat" if self.flat else "GROWING"
        return f"{self.name}: {word}, {self.before / _MIB:.1f} MiB when warm, {self.after / _MIB:.1f} MiB at the end"


def table(moments: Sequence[Moment]) -> Table:
    """Memory and files at the end of each tenth, processor use over it."""
    made = Table(box=MARKDOWN)
    for heading in ("minute", *(f"{name} MiB" for name in PROCESSES), *(f"{name} CPU" for name in PROCESSES)):
        made.add_column(heading, justify="right")
    for heading in ("main files", "sidecar files", "spool KiB"):
        made.add_column(heading, justify="right")
    size = max(1, len(moments) // _ROWS)
    for start in range(0, len(moments) - size, size):
        first, last = moments[start], moments[start + size]
        span = last.at - first.at
        made.add_row(
            f"{last.at / 60:.1f}",
            *(f"{last.samples[name].memory / _MIB:.1f}" for name in PROCESSES),
            *(f"{100 * (last.samples[name].cpu - first.samples[name].cpu) / span:.1f} %" for name in PROCESSES),
            str(last.samples["main"].files),
            str(last.samples["sidecar"].files),
            f"{max(moment.spool for moment in moments[start : start + size + 1]) / 1024:.0f}",
        )
    return made


def verdicts(moments: Sequence[Moment]) -> list[Verdict]:
    """The first quarter after the warm-up against the last one."""
    warm = moments[int(len(moments) * _WARM) :]
    quarter = max(1, len(warm) // 4)
    return [
        Verdict(name, _median(warm[:quarter], name), _median(warm[-quarter:], name)) for name in ("main", "sidecar")
    ]


def draw(moments: Sequence[Moment], path: Path) -> None:
    """Memory over time, as a picture of vectors."""
    chart = pygal.XY(
        width=900, height=380, show_dots=False, x_title="minutes", title="resident memory, MiB", range=(0, None),
        js=[], legend_at_bottom=True, truncate_legend=-1,
    )  # fmt: skip
    names = {"main": "demo with the agent", "twin": "its twin without", "sidecar": "sidecar"}
    for name, label in names.items():
        points = [(round(moment.at / 60, 2), round(moment.samples[name].memory / _MIB, 2)) for moment in moments]
        chart.add(label, points)
    chart.render_to_file(str(path))


def show(moments: Sequence[Moment]) -> bool:
    """Prints table and verdicts; whether all is flat."""
    console = Console(width=160)
    console.print(table(moments))
    found = verdicts(moments)
    for verdict in found:
        console.print(str(verdict), highlight=False)
    return all(verdict.flat for verdict in found)


def _median(moments: Sequence[Moment], name: str) -> int:
    return sorted(moment.samples[name].memory for moment in moments)[len(moments) // 2]
