"""The watcher over hand-made main processes: what it tells, once, and what it makes of a hostile directory."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from lifesign.errors import NotWatchedError
from lifesign.settings import Settings
from lifesign.watch import folders, watcher
from lifesign.watch.cursors import CursorStore
from lifesign.watch.dead_letter import DeadLetters
from lifesign.watch.once import poll_once
from lifesign.watch.telemetry import Log
from lifesign.wire import layout
from support.made.reported import DRY_RUN, names
from support.mainprocess import report


async def test_a_process_that_beats_is_healthy_and_there_is_nothing_to_tell(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    watching = sidecar(OTEL_SERVICE_NAME="desk", OTEL_RESOURCE_ATTRIBUTES="team=a")
    service.pulse.events.count("order")
    assert await watching.poll() == []
    (snapshot,) = watching.snapshots
    assert (snapshot.state, snapshot.pid, snapshot.service, snapshot.alive) == ("healthy", 4242, "desk", True)
    assert (snapshot.beats, snapshot.tasks, snapshot.loops, snapshot.expected) == (1, 3, 1, True)
    assert snapshot.new_delays == (0.002,)
    assert [(event.name, event.count) for event in snapshot.events] == [("order", 1)]
    assert watching.resources["4242-00000001"].attributes["team"] == "a"
    service.beat()
    service.beat()
    await watching.poll()
    assert watching.snapshots[0].new_delays == (0.002, 0.002)


async def test_records_are_told_once_over_looks_and_restarts(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    first = sidecar()
    service.pulse.ring.append(DRY_RUN)
    assert names(await first.poll()) == ["dry_run order"]
    assert await first.poll() == []
    service.pulse.ring.append(DRY_RUN)
    again = sidecar()
    assert names(await again.poll()) == ["dry_run order"]
    assert (await sidecar().poll()) == []


async def test_what_was_not_handed_on_is_told_again(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    service.pulse.ring.append(DRY_RUN)
    first = sidecar()

    def fails(*_: Any) -> None:
        raise OSError("the disk is full")

    first.watcher._emit = fails
    with pytest.raises(OSError, match="full"):
        await first.watcher.poll()
    assert names(await sidecar().poll()) == ["dry_run order"]


async def blocked(service: Any, watching: Any) -> Log:
    """Makes the service one whose loop has not turned for five seconds; returns the record of it."""
    watching.has_watched_for_long()
    service.beat(age=5.0)
    service.pulse.watchdog.write(9, time.time_ns(), time.monotonic_ns(), 3, layout.BOOT_COMPLETE, 0, 0)
    (entered,) = await watching.poll()
    assert entered.event == "lifesign.eventloop.blocked"
    return entered  # type: ignore[no-any-return]


async def test_a_folder_whose_pulse_is_not_in_place_yet_is_waited_for(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    (service.folder / "pulse").rename(service.folder / "pulse.new")
    watching = sidecar()
    await watching.poll()
    assert watching.snapshots == []
    (service.folder / "pulse.new").rename(service.folder / "pulse")
    await watching.poll()
    assert [snapshot.key for snapshot in watching.snapshots] == [service.key]


async def test_a_folder_whose_pulse_does_not_come_is_not_looked_at_for_ever(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_EMPTY_SECONDS", -1.0)
    service = main()
    (service.folder / "pulse").rename(service.folder / "pulse.new")
    watching = sidecar()
    await watching.poll()
    (service.folder / "pulse.new").rename(service.folder / "pulse")
    await watching.poll()
    assert watching.snapshots == []


async def test_an_ended_process_stays_for_a_while_and_its_folder_goes_after_that(
    main: Callable[..., Any], sidecar: Callable[..., Any], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = main()
    watching = sidecar()
    service.die()
    await watching.poll()
    await watching.poll()
    assert len(watching.snapshots) == 1
    monkeypatch.setattr(watcher, "_KEEP_SECONDS", -1.0)
    await watching.poll()
    await watching.poll()
    assert watching.snapshots == []
    assert list(run.iterdir()) == []


async def test_who_was_over_before_a_run_began_goes_at_once(
    main: Callable[..., Any], sidecar: Callable[..., Any], run: Path
) -> None:
    began = time.monotonic_ns()
    earlier, quick = main(started_mono_ns=began - 1), main("4343-00000002", started_mono_ns=began)
    earlier.die()
    quick.die()  # before the sidecar was there
    watching = sidecar(run_began=began)
    for _ in range(3):
        await watching.poll()
    assert [snapshot.key for snapshot in watching.snapshots] == [quick.key]
    assert [folder.name for folder in run.iterdir()] == [quick.key]


async def test_a_dump_is_asked_for_in_the_pulse(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    watching = sidecar()
    await watching.poll()
    assert watching.watcher.request(service.key, layout.REQUEST_DUMP) == 1
    assert service.pulse.requests(layout.REQUEST_DUMP) == 1
    with pytest.raises(NotWatchedError, match="no process"):
        watching.watcher.request("7-\x1b[31m", layout.REQUEST_DUMP)
    (service.folder / "pulse").unlink()
    with pytest.raises(NotWatchedError, match="cannot be asked"):
        watching.watcher.request(service.key, layout.REQUEST_DUMP)


async def test_it_looks_until_it_is_stopped_and_once_more(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    watching = sidecar()
    stopping = asyncio.Event()
    running = asyncio.create_task(watching.watcher.run(stopping))
    while not watching.snapshots:
        await asyncio.sleep(0.005)
    service.pulse.ring.append(DRY_RUN)
    stopping.set()
    await running
    assert names(watching.reported) == ["dry_run order"]


async def test_at_the_end_it_reads_on_behind_what_tells_nothing(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifesign.wire.lane._STEPS_MAX", 5)
    service = main()
    for _ in range(20):
        service.pulse.ring.append({"kind": "dry_run_totals", "at": 1, "types": [], "skipped": 0, "lag": 0.0})
    service.pulse.ring.append(DRY_RUN)
    watching = sidecar()
    stopping = asyncio.Event()
    stopping.set()
    await watching.watcher.run(stopping)
    assert "dry_run order" in names(watching.reported)


async def test_the_tasks_of_a_second_look_at_postconditions(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    service.pulse.ring.append(report())
    watching = sidecar()
    await watching.poll()
    assert [(one.name, one.passed, one.reason) for one in watching.snapshots[0].postconditions] == [
        ("db", False, "gone")
    ]
    assert recoveries(watching) == []

    again = sidecar()  # restarted: it knows what was emitted, and does not emit it twice
    await again.poll()
    assert [(one.name, one.passed) for one in again.snapshots[0].postconditions] == [("db", False)]
    assert again.reported == []

    service.pulse.ring.append(report(id="2" * 16, passed=True, reason="", end=9))
    service.pulse.ring.append(report(id="3" * 16, passed=True, reason="", end=10))
    await again.poll()
    assert [(one.name, one.passed) for one in again.snapshots[0].postconditions] == [("db", True)]
    (recovered,) = recoveries(again)  # once
    assert (recovered.body, recovered.severity, recovered.time) == ("db: it holds again", 9, 9)
    assert (recovered.trace, recovered.span) == ("a" * 32, "2" * 16)
    assert recovered.attributes == {"lifesign.postcondition.name": "db", "lifesign.postcondition.critical": True}


def recoveries(watching: Any) -> list[Log]:
    return [
        one for one in watching.reported if isinstance(one, Log) and one.event == "lifesign.postcondition.recovered"
    ]


@pytest.mark.parametrize("content", [b"", b"garbage", b'{"4242-00000001": 5}', b"\xff"])
def test_cursors_that_cannot_be_read_start_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cursors.json").write_bytes(content)
    cursors = CursorStore(str(tmp_path / "cursors.json"), DeadLetters(None))
    assert cursors.get("4242-00000001").ring_position == 0


async def test_a_bit_that_flipped_in_the_cursors_is_said_and_doubles_nothing(
    main: Callable[..., Any], sidecar: Callable[..., Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service = main()
    watching = sidecar()
    for number in range(3):
        service.pulse.ring.append({**DRY_RUN, "id": f"{number:016x}"})
        await watching.poll()
    await watching.cursors.wait(60)
    file = tmp_path / "cursors.json"
    whole = file.read_bytes()
    older = CursorStore(f"{file}.old", DeadLetters(None)).get(service.key)
    assert CursorStore(str(file), DeadLetters(None)).get(service.key) != older
    for place in range(0, len(whole), 7):
        caplog.clear()
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert CursorStore(str(file), DeadLetters(None)).get(service.key) == older
        assert "is damaged" in caplog.text
    file.unlink()  # a kill between the two renames
    caplog.clear()
    assert CursorStore(str(file), DeadLetters(None)).get(service.key) == older
    assert caplog.text == ""


async def test_cursors_that_cannot_be_saved_stop_nothing(
    main: Callable[..., Any], sidecar: Callable[..., Any], tmp_path: Path
) -> None:
    main()
    watching = sidecar()
    (tmp_path / "cursors.json.new").mkdir()
    await watching.poll()
    assert len(watching.snapshots) == 1


def test_a_look_from_outside_disturbs_nobody(main: Callable[..., Any], run: Path) -> None:
    service = main()
    main("1-00000000")
    (run / "1-00000000" / "pulse").write_bytes(b"junk")
    (snapshot,) = poll_once(str(run), Settings(environ={}), {})
    assert (snapshot.key, snapshot.state) == (service.key, "healthy")
    os.truncate(run / "1-00000000" / "pulse", layout.file_size(65536))
