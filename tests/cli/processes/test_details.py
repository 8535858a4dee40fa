"""What is said of one process below its row."""

from __future__ import annotations

import pytest

from lifesign.cli.processes import details as details_module
from lifesign.cli.processes import explained
from lifesign.cli.processes.details import details
from lifesign.watch.telemetry import CauseReading, CheckpointReading, Snapshot, UsageReading
from support.made.boards import NOON, SECOND, snapshot
from support.made.dumps import dumped, group


def lines(one: Snapshot) -> list[str]:
    return [text for text, _ in details(one)]


def test_late_checkpoints_are_news_for_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(details_module.time, "time_ns", lambda: NOON + 9 * SECOND)
    checkpoints = (
        CheckpointReading("database", None, NOON, NOON + 4 * SECOND, None, took=4.0, usual=0.3, late=True),
        CheckpointReading("cache", None, NOON + 8 * SECOND, NOON + 8 * SECOND, None, took=4.0, usual=0.2, late=True),
        CheckpointReading("broker", None, NOON + 4 * SECOND, None, None, usual=0.1, late=True),
        CheckpointReading("config", None, NOON, NOON, None, took=0.1, usual=0.1),
    )
    booting = snapshot(checkpoints=checkpoints)
    assert lines(booting) == [
        "checkpoint database took 4.0s, usually 0.3s",
        "checkpoint cache came 4.0s after the one before, usually 0.2s",
        "checkpoint broker is open for 5.0s, usually 0.1s",
    ]
    assert lines(snapshot(checkpoints=checkpoints, uptime=3601.0)) == []


@pytest.mark.parametrize(("seconds", "said"), [(4, []), (90, ["its tasks were looked at 1m 30s ago"])])
def test_what_was_seen_of_tasks_a_while_ago_says_when(
    monkeypatch: pytest.MonkeyPatch, seconds: int, said: list[str]
) -> None:
    monkeypatch.setattr(details_module.time, "time_ns", lambda: NOON + seconds * SECOND)
    cause = CauseReading("task-leak", "probably a leak", "", "", 0)
    seen = snapshot(causes=(cause,), dump=dumped(group(0, 1, "work"), end=NOON))
    assert lines(seen) == ["cause: probably a leak", *said]
    assert [str(line) for line in explained.lines(seen)][2:] == [f"  {line}" for line in said]
    for other in (
        snapshot(dump=seen.dump),
        snapshot(causes=(cause,)),
        snapshot(state="dead", alive=False, causes=(cause,), dump=seen.dump),
    ):
        assert details_module.looked(other) == []


def test_what_is_not_known_of_what_it_uses_is_left_out() -> None:
    assert lines(snapshot(usage=UsageReading(user=0.3, system=0.2))) == ["uses 0.5s of CPU time"]
    said = " ".join(lines(snapshot(usage=UsageReading(threads=1, descriptors=9, garbage=((4, 0, 0), (), (1, 0, 0))))))
    assert "1 thread, 9 file descriptors, 4/1 garbage collections (by generation)" in said
