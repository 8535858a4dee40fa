"""A service whose clocks are far off, by libfaketime: with Debian's defaults it moves the monotonic one as well."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from support.faults.wallclock import WallClock
from support.illnesses.ward import ward
from support.waiting import eventually

DAYS = 100 * 86400


@pytest.mark.parametrize(
    ("first", "then"), [(DAYS, DAYS), (-DAYS, -DAYS), (DAYS, -DAYS), (-DAYS, DAYS)], ids=lambda days: f"{days:+d}"
)
def test_beats_states_and_the_end_are_right(first: int, then: int, otelcol: str, tmp_path: Path) -> None:
    clock = WallClock.made(tmp_path / "clock")
    clock.set(first)
    moved = {name: clock.environ[name] for name in ("LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE", "FAKETIME_NO_CACHE")}
    with ward(otelcol, tmp_path) as of:
        directory = of.directory("run")
        of.sidecar(directory)
        # Set back, the timers of the service's own wait for two hundred days: those events would not come.
        promised = {"LIFESIGN_EVENTS": "order=30s"} if then >= first else {}
        patient = of.patient(directory, "terminable", **promised, **moved)
        patient.begin()
        patient.tell("tick")
        patient.comes_to("healthy")
        clock.set(then)
        beats = patient.chart.heartbeats
        eventually(lambda: patient.chart.heartbeats > beats + 30, seconds=40)
        assert patient.chart.uptime < 60

        patient.tell("spin")
        patient.reports("lifesign.eventloop.blocked")
        # On a busy machine that is made before the stack is there, and the dump of a moment later shows it.
        eventually(lambda: any("spin" in str(entry.attributes) for entry in patient.chart.entries), seconds=40)
        patient.comes_to("blocked")
        patient.signal(signal.SIGUSR1)
        patient.comes_to("healthy")
        patient.signal(signal.SIGSTOP)
        patient.comes_to("frozen")
        patient.signal(signal.SIGCONT)
        patient.comes_to("healthy")
        patient.signal(signal.SIGTERM)
        assert patient.reports("lifesign.process.stopped").body == "ended by itself"
        patient.comes_to("stopped")
        ended = ["healthy", "blocked", "healthy", "frozen", "healthy", "stopped"]
        assert [state for state in patient.chart.course if state != "idle"] == ended
        events = ["eventloop.blocked", "process.frozen", "process.stopped"]
        assert patient.chart.events == [f"lifesign.{event}" for event in events]
