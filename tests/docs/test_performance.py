"""What the benchmarks compute of their measurements: comparisons, the baseline, the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks import baseline, instructions
from benchmarks.glance import FIRST
from benchmarks.page import Shown, line, page
from benchmarks.results import ADDED, CHANGE, RATIO, Compared, Report, Result, Table, compare, quantile, spread
from benchmarks.service import load
from support.paths import DOCS
from support.rows import rows


@rows(
    "ours, base, how, found",
    [
        ([10.0, 20.0], [30.0, 80.0], RATIO, [3.0, 4.0]),  # pair by pair
        ([10.0, 20.0, 30.0], [40.0], RATIO, [2.0]),  # 40 / the median, 20
        ([12.0, 9.0], [10.0, 10.0], ADDED, [2.0, -1.0]),
        ([90.0, 120.0], [100.0, 100.0], CHANGE, [-10.0, 20.0]),
        ([0.0, 5.0], [10.0, 10.0], RATIO, [2.0]),  # nothing is no divisor
        ([], [1.0], RATIO, []),
    ],
)
def test_measurements_are_compared(ours: list[float], base: list[float], how: str, found: list[float]) -> None:
    assert compare(ours, base, how) == pytest.approx(found)


def test_a_cell_has_the_median_and_from_where_to_where_they_go() -> None:
    assert spread([3.0, 1.0, 1200.0], 1) == "3.0 [1.0..1,200.0]"
    assert spread([7.0], 0) == "7"
    assert spread([1.5, -2.5], 1, " %", sign=True) == "-0.5 % [-2.5..+1.5]"
    assert spread([]) == "-"


def test_quantiles() -> None:
    hundred = [float(value) for value in range(1, 101)]
    assert [quantile(hundred, share) for share in (0.5, 0.99, 1.0)] == [51.0, 100.0, 100.0]


def test_instructions_of_a_call_are_those_of_many_without_those_of_none() -> None:
    batches = [("event", 0), ("event", 100), ("beat", 1), ("beat", 11)]
    # The first two totals are of an import that ran code by `exec`.
    assert instructions.per_call(batches, [7, 7, 1000, 51000, 2000, 7000]) == {"event": 500.0, "beat": 500.0}


def report() -> Report:
    table = Table("instructions", "instructions", ("lifesign", "SDK"), 0, [Compared("", "lifesign", "SDK")])
    table.add("3.11 event()", "lifesign", 8000.0)
    table.add("3.11 event()", "SDK", 56000.0)
    table.add("3.13 event()", "lifesign", 9000.0)
    table.add("3.13 event()", "SDK", 63000.0)
    result = Result("Instructions of a call", "Counted.", "2026-11-29 12:20", "abc", (0.5, 1.0), 61.0, [table])
    return Report({"processor": "2 cores, fast"}, {"instructions": result})


def test_a_call_differs_from_the_baseline_by_more_than_the_tolerance_or_not_at_all() -> None:
    found = baseline.counts(report())
    assert found == {"3.11 event()": 8000.0, "3.13 event()": 9000.0}
    within = {"3.11 event()": 8000.0 / (1 + baseline.TOLERANCE * 0.9), "3.13 event()": 9000.0, "gone": 1.0}
    assert baseline.differences(within, found) == []
    (more, fewer) = baseline.differences({"3.11 event()": 7500.0, "3.13 event()": 10000.0}, found)
    assert (more.worse, fewer.worse) == (True, False)
    assert str(more) == "3.11 event(): 7,500 instructions before, 8,000 now (+6.7 %)"


def test_a_baseline_is_of_certain_interpreters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "FILE", tmp_path / "baseline.json")
    baseline.accept("3.11.7 GCC", {"3.11 event()": 8000.4})
    baseline.accept("3.13.0 GCC", {"3.13 event()": 9000.0})
    assert baseline.read("3.11.7 GCC") == {"3.11 event()": 8000}
    assert baseline.read("3.12.0 GCC") == {}


def test_the_page_shows_each_figure_beside_its_peer() -> None:
    shown = Shown("`event()`", "instructions", "instructions", "{python} event()", "lifesign", "SDK")
    shown = shown._replace(peer="add()", aim="10x")
    assert line(shown, report()) == ["`event()`", "8,000 / 9,000", "56,000 / 63,000", "add()", "7.0x / 7.0x", "10x"]
    assert line(shown._replace(benchmark="idle"), report()) is None
    assert line(shown._replace(beyond="SDK", theirs="lifesign"), report()) == [
        "`event()`", "-48,000 / -54,000", "-48,000 / -54,000", "add()", "- / -", "10x"
    ]  # fmt: skip
    made = page(report(), [shown])
    assert "| `event()` | 8,000 / 9,000 | 56,000 / 63,000 | add() | 7.0x / 7.0x | 10x |" in made
    assert "| 3.11 event() | 8,000 | 56,000 | 7.0x |" in made
    assert "`--only instructions`: 2026-11-29 12:20, at abc, in 61 s; load 0.5 before and 1.0 after.\n" in made
    noisy = report()
    noisy.results["instructions"].load = (0.5, 4.1)
    assert "4.1 after, busy.\n" in page(noisy, [])


def test_what_grows_is_drawn_by_its_medians() -> None:
    table = Table("took", "seconds", ("ours", "theirs"), drawn="tasks")
    table.add("1,000", "ours", 1.0, 5.0, 2.0)
    table.add("10,000", "ours", 4.0)
    assert table.curves() == {"ours": [(1000.0, 2.0), (10000.0, 4.0)], "theirs": []}
    assert table.picture("dumps") == "performance-dumps-took.svg"


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    report().write(tmp_path / "performance.json")
    assert Report.read(tmp_path / "performance.json") == Report(
        {"processor": "2 cores, fast"},
        {"instructions": Result(**{**vars(report().results["instructions"]), "tables": [_as_lists()]})},
    )
    assert json.loads((tmp_path / "performance.json").read_text())["machine"] == {"processor": "2 cores, fast"}


def _as_lists() -> Table:
    (table,) = report().results["instructions"].tables
    table.columns = list(table.columns)
    return table


def test_the_page_in_the_repository_is_made_of_its_figures() -> None:
    made = page(Report.read(DOCS / "performance.json"), FIRST)
    assert (DOCS / "performance.md").read_text() == made
    for picture in re.findall(r"\((performance-[^)]*\.svg)\)", made):
        assert (DOCS / picture).is_file()


def test_what_wrk_says_is_read() -> None:
    said = """Running 2s test @ http://127.0.0.1:8000/
  Latency Distribution
     50%  823.00us
     90%    1.10ms
     99%    1.57ms
  41012 requests in 2.10s, 5.83MB read
Requests/sec:  19529.52
Transfer/sec:      2.78MB
"""
    assert load.parsed(said) == (41012, 19529.52, 1.57)
    assert load.parsed(said.replace("1.57ms", "1.20s"))[2] == 1200.0
    with pytest.raises(ValueError, match="Non-2xx"):
        load.parsed(said + "  Non-2xx or 3xx responses: 3\n")


def test_a_rate_is_compared_the_other_way_round() -> None:
    shown = Shown("calls", "instructions", "instructions", "{python} event()", "lifesign", "SDK", rate=True)
    assert line(shown, report())[4] == "0.1x / 0.1x"  # 8000 / 56000
