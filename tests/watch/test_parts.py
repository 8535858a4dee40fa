"""The smaller parts: resource, delays, events, rejected records."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lifesign.judge.reading import Reading
from lifesign.watch import dead_letter
from lifesign.watch.dead_letter import DeadLetters, printable
from lifesign.watch.emit.resource import resource
from lifesign.watch.snapshot import Delays, _events
from lifesign.wire import layout
from lifesign.wire.reader import EventCount, LoopSigns, Vitals
from support.mainprocess import identity
from support.rows import rows


@rows(
    ("own", "sidecars", "name"),
    [
        ({"otel_service_name": "a"}, {"OTEL_SERVICE_NAME": "z"}, "a"),
        ({"otel_resource_attributes": "service.name=b"}, {"OTEL_SERVICE_NAME": "z"}, "b"),
        ({}, {"OTEL_SERVICE_NAME": "c", "OTEL_RESOURCE_ATTRIBUTES": "service.name=z"}, "c"),
        ({}, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=d"}, "d"),
        ({}, {}, "desk.py"),
        ({"command": ""}, {}, "unknown_service"),
    ],
)
def test_the_services_name_is_the_main_processs_own_word_first(own: Any, sidecars: Any, name: str) -> None:
    assert resource("k", identity(**own), sidecars).attributes["service.name"] == name  # type: ignore[arg-type]


def test_the_sidecars_environment_fills_what_is_missing() -> None:
    made = resource(
        "k",
        identity(otel_resource_attributes="deployment.environment.name=prod,team=main,bad,=x"),  # type: ignore[arg-type]
        {"OTEL_RESOURCE_ATTRIBUTES": "team=sidecar,k8s.pod.name=a%2Cb,service.instance.id=the-sidecars"},
    ).attributes
    assert made["team"] == "main"
    assert made["deployment.environment.name"] == "prod"
    assert made["k8s.pod.name"] == "a,b"
    assert made["service.instance.id"] == "0b5f7a52-0000-4000-8000-000000000001"
    assert made["host.name"] == "node-1"
    assert made["telemetry.distro.name"] == "lifesign"
    assert (made["process.pid"], made["process.runtime.version"]) == (4242, "3.13.0")
    assert "bad" not in made
    assert "" not in made


def test_what_is_no_utf8_in_an_environment_keeps_nothing_from_being_sent() -> None:
    half = os.fsdecode(b"d\xe9p")
    for own, sidecars in (
        ({"otel_service_name": half, "otel_resource_attributes": f"{half}={half}"}, {}),
        ({}, {"OTEL_SERVICE_NAME": half, "OTEL_RESOURCE_ATTRIBUTES": f"{half}={half}"}),
    ):
        made = resource("k", identity(**own), sidecars)  # type: ignore[arg-type]
        assert (made.attributes["service.name"], made.attributes["d?p"]) == ("d?p", "d?p")
        assert msgspec.json.encode(made)


@pytest.mark.parametrize(
    ("given", "worker", "instance"),
    [("shop-0", False, "shop-0"), ("shop-0", True, "shop-0-4242"), ("", True, "0b5f7a52-0000-4000-8000-000000000001")],
)
def test_workers_share_no_instance_id(given: str, worker: bool, instance: str) -> None:
    me = identity(otel_resource_attributes=f"service.instance.id={given}", worker=worker)  # type: ignore[arg-type]
    assert resource("k", me, {}).attributes["service.instance.id"] == instance


def vitals(beats: int, ring: dict[int, int]) -> Vitals:
    signs = LoopSigns(layout.LOOP_RUNNING, 1, beats, 0, 0, 0, 0, 0)
    delays = tuple(ring.get(word, 0) for word in range(512))
    return Vitals(None, (signs,) + (None,) * 7, (), (delays,) + ((),) * 7)


def test_every_delay_is_seen_once_and_at_most_what_the_ring_holds() -> None:
    delays = Delays()
    assert delays.new(vitals(2, {0: 1_000_000, 1: 2_000_000})) == (0.001, 0.002)
    assert delays.new(vitals(3, {2: 3_000_000})) == (0.003,)
    assert delays.new(vitals(3, {})) == ()
    assert len(delays.new(vitals(5000, {}))) == 512
    assert delays.new(vitals(5001, {5000 % 512: 2**63})) == (1_000_000.0,)


def test_two_names_that_became_one_when_they_were_cut_are_added_up() -> None:
    events = (EventCount("n", 2, 1, 50, 5, 0, 60), EventCount("n", 3, 0, 70, 7, 30))
    reading = Reading(100, 0, True, None, (), events, 0, 3, 8)
    (event,) = _events(reading)
    assert (event.count, event.synthetic, event.deadline) == (5, 1, 3e-8)
    assert event.age == pytest.approx(3e-8)
    assert not event.stand_in


def test_the_age_of_a_dry_runs_events_stands_in_for_that_of_real_ones_until_one_comes() -> None:
    events = (EventCount("made up", 0, 3, 0, 0, 30, 60), EventCount("both", 1, 3, 50, 5, 30, 60))
    made_up, both = _events(Reading(100, 0, True, None, (), events, 0, 3, 8))
    assert (made_up.age, made_up.stand_in) == (pytest.approx(4e-8), True)
    assert (both.age, both.stand_in) == (pytest.approx(5e-8), False)


def test_rejected_records_are_bounded_on_disk_and_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dead_letter, "_FILE_BYTES_MAX", 1000)
    keeping = DeadLetters(str(tmp_path / "dead_letter.jsonl"))
    for _ in range(100):
        keeping.keep("1-00000000", "why\x1b[2J", b"x" * 10_000)
        keeping.write()
    assert keeping.count == 100
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 20_000
    assert len(caplog.records) == 1
    assert "\x1b" not in caplog.text
    keeping._next_report = time.monotonic()
    keeping.keep("1-00000000", "why", b"")
    assert "100 record(s) cannot be read" in caplog.text


def test_rejected_records_that_cannot_be_kept_are_still_counted(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    keeping = DeadLetters(str(tmp_path / "link"))
    keeping.keep("1-00000000", "why", b"")
    keeping.write()
    DeadLetters(None).keep("1-00000000", "why", b"")
    assert keeping.count == 1
    assert (tmp_path / "target").read_text() == "precious"


def test_printable_lets_nothing_through_that_steers_a_terminal() -> None:
    assert printable("a\x1b[31m\u202eb\nc é") == "a\ufffd[31m\ufffdb\ufffdc é"
