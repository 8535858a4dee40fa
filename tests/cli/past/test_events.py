"""`lifesign events`: what a process has kept of what happened to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from lifesign import semconv
from lifesign.cli.past import events
from lifesign.cli.past.happenings import Happenings
from lifesign.watch.once import Sighting
from lifesign.watch.process import Poll
from lifesign.watch.telemetry import CheckpointReading, Log, Span
from support.made.boards import NOON, SECOND, snapshot
from support.mainprocess import Main
from support.rows import rows


def log(event: str, at: int, body: str = "it is late") -> Log:
    return Log("12-0badcafe", f"{event}-{at}", event, at, at, 17, body)


def test_checkpoints_records_and_periods_in_their_order_and_each_once() -> None:
    seen = snapshot(
        checkpoints=(
            CheckpointReading("config", 9, NOON, NOON + 1, None),
            CheckpointReading("broker", 10, NOON, NOON + 2, "refused"),
            CheckpointReading("open", 11, NOON, None, None),
        )
    )
    span = Span("12-0badcafe", "t", "s", semconv.SPAN_BLOCKED, NOON, NOON + 5 * SECOND)
    written = [log(semconv.LOG_SILENCE, NOON + 3), log(semconv.LOG_TASK_GROUP, NOON), span, log("lifesign.x", NOON - 9)]
    happenings = Happenings()
    found = happenings.new([Sighting("/run", Poll(seen, [*written]))])
    assert [(one.event, one.text) for one in found] == [
        ("x", "it is late"),
        ("checkpoint", "checkpoint config"),
        ("checkpoint", "checkpoint broker: refused"),
        ("silence", "it is late"),
        ("eventloop blocked", "eventloop blocked for 5.0s, and over"),
    ]
    assert happenings.new([Sighting("/run", Poll(seen, [*written]))]) == []


def test_of_a_process(cli: Callable[..., Any], main: Callable[..., Main], run: Path) -> None:
    main().beat(age=1000.0, watchdog_age=0.0)
    code, out, err = cli("events", "--dir", str(run))
    assert (code, err) == (0, "")
    assert "desk.py 4242  the event loop has not turned for " in out.splitlines()[-1]
    (*_, newest) = json.loads(cli("events", "--json", "--dir", str(run)).out)["events"]
    assert (newest["event"], newest["pid"], newest["severity"]) == ("eventloop.blocked", 4242, 17)
    assert len(cli("events", "--lines", "1", "--dir", str(run)).out.splitlines()) == 1


def test_it_follows(
    cli: Callable[..., Any], main: Callable[..., Main], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = main()

    def sleep(_: float) -> None:
        service.beat(age=1000.0, watchdog_age=0.0)

    monkeypatch.setattr(events.time, "sleep", Mock(side_effect=[None, KeyboardInterrupt], wraps=sleep))
    service.beat(age=1000.0, watchdog_age=0.0)
    code, out, _ = cli("events", "--follow", "--json", "--dir", str(run))
    assert code == 130
    assert [json.loads(line)["schema"] for line in out.splitlines()] == [1] * len(out.splitlines())


@rows(("argv", "code"), [(["--lines", "0"], 3), (["999999999"], 1)])
def test_what_cannot_be(cli: Callable[..., Any], run: Path, argv: list[str], code: int) -> None:
    assert cli("events", "--dir", str(run), *argv).code == code
