"""What the gate shows and what it leaves for a pipeline."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from lifesign.cli.gate import report
from lifesign.cli.gate.verdict import Outcome
from lifesign.cli.gate.view import Drawing
from lifesign.errors import LifesignError, UsageError
from lifesign.watch.telemetry import PostconditionReading
from support.made.seen import checkpoint, snapshot

ALIVE = Outcome("alive", 0, "booted in 0.30 s", snapshot(boot="complete", boot_duration=0.3))
CHECKPOINTS = (
    checkpoint("started", 0.0, 0.1, 1),
    checkpoint("broker \x1b[2J", 0.1, None),
    checkpoint("rules loaded", 0.15, 0.05, error="ValueError: <no>"),
    checkpoint("timed out", 0.2, 7.8, 6, "timed out"),
)
CHECKS = (PostconditionReading("db", False, True, "refused"), PostconditionReading("cache", False, False, "cold"))
STALLED = Outcome(
    "stalled",
    2,
    "timed out after 8 s",
    snapshot(boot="timed_out", boot_duration=8.0, checkpoints=CHECKPOINTS, postconditions=CHECKS, boot_trace="ab" * 16),
    "promise one",
)


def drawn(outcome: Outcome, *, terminal: bool = False, **changes: Any) -> str:
    out = io.StringIO()
    to = Console(file=out, width=200, force_terminal=terminal, no_color=True, markup=False, highlight=False)
    drawing = Drawing(to, ["python", "shop.py"], 8)
    if outcome.process is not None and changes:
        outcome = outcome._replace(process=snapshot(**{"checkpoints": CHECKPOINTS, **changes}))
    processes = [outcome.process] if outcome.process is not None else []
    drawing.show(processes)
    drawing.show(processes)
    if outcome.process is not None:
        drawing.waterfall(outcome.process)
    drawing.conclude(outcome)
    return out.getvalue()


def test_a_line_a_checkpoint_once() -> None:
    assert drawn(ALIVE).splitlines() == [
        "boot of shop.py ... (timeout 8 s)",
        "process 7 (shop.py)",
        "     0.10 s    1/8  started                   100.0 ms",
        "     0.30 s         config loaded             200.0 ms",
        "alive: booted in 0.30 s",
    ]


def test_a_stall_says_where_and_what_to_try() -> None:
    lines = drawn(STALLED).splitlines()
    assert lines[3] == "     0.20 s         rules loaded               50.0 ms  ValueError: <no>"
    assert lines[4] == "     8.00 s    6/8  timed out                   7.80 s  timed out"
    assert lines[5:] == ["stalled at checkpoint 'broker \\x1b[2J': timed out after 8 s", "  try: promise one"]


def test_missing_checkpoints_are_named_once() -> None:
    assert "  missing checkpoints: a, b" in drawn(STALLED, boot="failed", boot_missing=("a", "b"))
    assert "missing" not in drawn(STALLED, boot="timed_out", boot_missing=("a", "b"))  # the diagnostic has them


def test_what_is_waited_for_is_said_each_time_the_wait_has_doubled() -> None:
    out, now = io.StringIO(), 0.0
    to = Console(file=out, width=200, markup=False, highlight=False)
    drawing = Drawing(to, ["shop.py"], 8, "tcp:8000", lambda: now)
    waiting = checkpoint("waiting for first event", 0.1, 0.1, 4)
    booting = checkpoint("rules", 0.1, 0.1)
    stages = (
        [],
        [snapshot(checkpoints=(waiting,))],
        [snapshot(checkpoints=(waiting,))],
        [snapshot(state="blocked", checkpoints=(waiting,))],
        [snapshot(checkpoints=(booting, checkpoint("broker", 0.2, None)))],
        [snapshot(checkpoints=(booting,))],
    )
    for processes in stages:
        for _ in range(3):
            now += 0.5
            drawing.show(processes)
    said = [line.strip() for line in out.getvalue().splitlines() if "..." in line]
    assert said == [
        "...  waiting for an event loop in CMD, for 1.0s",
        "...  waiting for tcp:8000, for 1.0s",
        "...  waiting for tcp:8000, for 2.0s",
        "...  process 7 is blocked, for 4.0s",
        "...  at checkpoint 'broker', for 1.0s",
        "...  nothing new after checkpoint 'rules', for 2.0s",
    ]


def test_a_terminal_sees_the_whole_as_bars() -> None:
    shown = drawn(ALIVE, terminal=True)
    started, loaded = (line for line in shown.splitlines() if "█" in line)
    assert "started" in started
    assert loaded.index("█") > started.index("█")
    assert shown.count("config loaded") == 2


def test_without_a_process_there_is_still_a_verdict() -> None:
    assert drawn(Outcome("stalled", 2, "nothing came")).splitlines()[-1] == "stalled: nothing came"


def written(tmp_path: Path, name: str, outcome: Outcome) -> str:
    report.write(str(tmp_path / name), ["python", "shop.py"], outcome, [])
    return (tmp_path / name).read_text()


def test_a_report_for_programs(tmp_path: Path) -> None:
    report = json.loads(written(tmp_path, "r.json", STALLED))
    assert report["verdict"] == "stalled"
    assert report["exit_code"] == 2
    assert report["why"] == "timed out after 8 s"
    assert report["command"] == ["shop.py", "..."]
    assert report["trace"] == "ab" * 16
    assert report["stopped_at"] == "broker \x1b[2J"
    assert report["checkpoints"][2] == {
        "name": "rules loaded",
        "number": None,
        "total": None,
        "at_seconds": 0.15,
        "seconds": 0.05,
        "error": "ValueError: <no>",
    }
    assert report["postconditions"][0] == {"name": "db", "passed": False, "critical": True, "why": "refused"}
    assert json.loads(written(tmp_path, "r.json", ALIVE))["stopped_at"] is None
    assert json.loads(written(tmp_path, "r.json", Outcome("stalled", 2, "nothing")))["trace"] is None


def test_a_report_for_ci_systems(tmp_path: Path) -> None:
    suite = ElementTree.fromstring(written(tmp_path, "r.xml", STALLED))
    assert suite.attrib == {"name": "lifesign smoke", "failures": "3", "errors": "1", "tests": "6"}
    cases = {case.get("name"): [(fault.tag, fault.get("message")) for fault in case] for case in suite}
    assert cases == {
        "checkpoint started": [],
        "checkpoint broker \\x1b[2J": [("failure", "not finished")],
        "checkpoint rules loaded": [("failure", "ValueError: <no>")],
        "post-condition db": [("failure", "refused")],
        "post-condition cache": [],
        "alive": [("error", "timed out after 8 s")],
    }


def test_a_good_boot_has_no_failures(tmp_path: Path) -> None:
    suite = ElementTree.fromstring(written(tmp_path, "r.xml", ALIVE))
    assert (suite.get("failures"), suite.get("errors"), suite.get("tests")) == ("0", "0", "3")


@pytest.mark.parametrize("path", ["report", "report.txt", "nowhere/report.json"])
def test_a_report_that_cannot_be_is_said_before(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="--report"):
        report.check(path)


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "r.json").mkdir()
    with pytest.raises(LifesignError, match="cannot be written: Is a directory"):
        written(tmp_path, "r.json", ALIVE)
