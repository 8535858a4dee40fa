"""Pictures of what grows: a curve for each side, one picture for each table that is drawn."""

from __future__ import annotations

import math
import re

import pygal
from pygal.style import Style

from benchmarks.results import Table

_STYLE = Style(background="#ffffff", plot_background="#ffffff", font_family="sans-serif")


def draw(table: Table) -> str:
    """A picture of vectors; both axes are logarithmic where they go over two orders of magnitude."""
    drawn = {name: points for name, points in table.curves().items() if points}
    across = [x for points in drawn.values() for x, _ in points]
    up = [y for points in drawn.values() for _, y in points]
    chart = pygal.XY(
        width=900, height=380, x_title=table.drawn, title=table.title, js=[], legend_at_bottom=True,
        truncate_legend=-1, style=_STYLE, show_dots=len(across) < 50,
        logarithmic=_wide(up), range=None if _wide(up) else (0, max(up) * 1.05),
    )  # fmt: skip
    wide = _wide(across)
    chart.x_value_formatter = lambda x: f"{10**x if wide else x:,.0f}"
    chart.value_formatter = lambda y: f"{y:,.10g}" if y < 1 else f"{y:,.0f}"
    for name, points in drawn.items():
        chart.add(name, [(math.log10(x) if wide else x, y) for x, y in points])
    if wide:
        chart.x_labels = sorted({math.log10(x) for x in across})
    return re.sub(r"chart-[0-9a-f-]{36}", "chart", chart.render(is_unicode=True))


def _wide(values: list[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) >= 100
