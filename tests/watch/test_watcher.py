"""The watcher over hand-made main processes: what it tells, once, and what it makes of a hostile directory."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from lifesign.errors import NotWatchedError, RunDirectoryError
from lifesign.settings import Settings
from lifesign.watch import process, watcher
from lifesign.watch.cursors import Cursors
from lifesign.watch.rundir import RunDirectory
from lifesign.watch.signals import Log, Span
from lifesign.wire import layout

DRY_RUN = {
    "kind": "dry_run",
    "trace": "c" * 32,
    "id": "d" * 16,
    "type": "order",
    "index": 4,
    "start": 1,
    "end": 2,
    "error": None,
}


def events(signals: list[Any]) -> list[str]:
    return [signal.event for signal in signals if isinstance(signal, Log)]


def names(signals: list[Any]) -> list[str]:
    return [signal.name for signal in signals if isinstance(signal, Span)]


async def test_a_process_that_beats_is_healthy_and_there_is_nothing_to_tell(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    watching = sidecar(OTEL_SERVICE_NAME="desk", OTEL_RESOURCE_ATTRIBUTES="team=a")
    service.pulse.events.count("order")
    assert await watching.look() == []
    (snapshot,) = watching.snapshots
    assert (snapshot.state, snapshot.pid, snapshot.service, snapshot.alive) == ("healthy", 4242, "desk", True)
    assert (snapshot.beats, snapshot.tasks, snapshot.loops, snapshot.expected) == (1, 3, 1, True)
    assert snapshot.new_delays == (0.002,)
    assert [(event.name, event.count) for event in snapshot.events] == [("order", 1)]
    assert watching.resources["4242-00000001"].attributes["team"] == "a"
    service.beat()
    service.beat()
    await watching.look()
    assert watching.snapshots[0].new_delays == (0.002, 0.002)


async def test_records_are_told_once_over_looks_and_restarts(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    first = sidecar()
    service.pulse.ring.append(DRY_RUN)
    assert names(await first.look()) == ["dry_run order"]
    assert await first.look() == []
    service.pulse.ring.append(DRY_RUN)
    again = sidecar()
    assert names(await again.look()) == ["dry_run order"]
    assert (await sidecar().look()) == []


async def test_what_was_not_handed_on_is_told_again(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    service.pulse.ring.append(DRY_RUN)
    first = sidecar()

    async def fails(*_: Any) -> None:
        raise OSError("the disk is full")

    first.watcher._tell_signals = fails
    with pytest.raises(OSError, match="full"):
        await first.watcher.look()
    assert names(await sidecar().look()) == ["dry_run order"]


async def test_blocked_then_well_again_is_one_record_in_and_one_span_out(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    watching = sidecar()
    watching.watcher._watching_since = 0  # it has watched for long
    await watching.look()
    last_beat = time.time_ns() - 5_000_000_000
    service.beat(age=5.0)
    service.pulse.watchdog.write(9, time.time_ns(), time.monotonic_ns(), 3, layout.BOOT_COMPLETE, 0, 0)
    (entered,) = await watching.look()
    assert (entered.event, entered.severity) == ("lifesign.eventloop.blocked", 17)
    assert abs(entered.time - last_beat) < 1_000_000_000
    assert entered.attributes["lifesign.state"] == "blocked"
    assert await watching.look() == []
    service.beat()
    (left,) = await watching.look()
    assert (left.name, left.start) == ("eventloop blocked", entered.time)
    assert left.error is not None
    assert left.error.startswith("blocked for 5.")
    assert left.attributes["error.type"] == "blocked"
    assert watching.snapshots[0].state == "healthy"


async def test_death_is_told_once_and_its_boot_and_last_records_with_it(
    main: Callable[..., Any], sidecar: Callable[..., Any], run: Path
) -> None:
    service = main()
    watching = sidecar()
    await watching.look()
    service.pulse.ring.append(DRY_RUN)
    (run / "run.json").write_text(json.dumps({"pid": 4242, "asked": None, "exit_code": None, "signal": "SIGKILL"}))
    service.die()
    told = await watching.look()
    assert sorted(names(told)) == ["boot", "dry_run order"]
    assert sorted(events(told)) == ["lifesign.boot.failed", "lifesign.process.died"]
    died = next(signal for signal in told if isinstance(signal, Log) and signal.event == "lifesign.process.died")
    assert (died.severity, died.body) == (21, "killed by SIGKILL")
    assert died.attributes["lifesign.process.exit.signal"] == "SIGKILL"
    assert await watching.look() == []
    (snapshot,) = watching.snapshots
    assert (snapshot.state, snapshot.alive, snapshot.expected) == ("dead", False, True)
    assert watching.watcher.all_ended()


async def test_the_verdict_on_an_end_waits_for_the_supervisors_word(
    main: Callable[..., Any], sidecar: Callable[..., Any], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = main()
    watching = sidecar()
    await watching.look()
    (run / "run.json").write_text(json.dumps({"pid": 4242}))
    service.pulse.write_tombstone({"how": "clean", "error": None, "ended": 77, "beats": 1, "events": 0})
    service.die()
    assert await watching.look() == []
    assert watching.snapshots[0].state == "healthy"
    (run / "run.json").write_text(json.dumps({"pid": 4242, "exit_code": 3}))
    assert "lifesign.process.died" in events(await watching.look())


async def test_a_supervisor_that_is_gone_too_is_not_waited_for_for_ever(
    main: Callable[..., Any], sidecar: Callable[..., Any], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_SUPERVISOR_NS", 0)
    service = main()
    (run / "run.json").write_text(json.dumps({"pid": 4242}))
    service.die()
    assert "lifesign.process.died" in events(await sidecar().look())


async def test_a_clean_end_is_stopped_and_owes_no_beats(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    watching = sidecar()
    service.pulse.write_tombstone({"how": "clean", "error": None, "ended": 77, "beats": 1, "events": 0})
    service.die()
    stopped = next(signal for signal in await watching.look() if isinstance(signal, Log) and "stopped" in signal.event)
    assert (stopped.time, stopped.severity) == (77, 9)
    assert (watching.snapshots[0].state, watching.snapshots[0].expected) == ("stopped", False)


async def test_an_uncaught_exception_is_in_the_record(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    error = {"type": "KeyError", "message": "'x'", "stack": "File ..."}
    service.pulse.write_tombstone({"how": "exception", "error": error, "ended": 77, "beats": 1, "events": 0})
    service.die()
    told = await sidecar().look()
    died = next(signal for signal in told if isinstance(signal, Log) and signal.event == "lifesign.process.died")
    assert died.attributes["exception.type"] == "KeyError"


async def blocked(service: Any, watching: Any) -> Log:
    """Makes the service one whose loop has not turned for five seconds; returns the record of it."""
    watching.watcher._watching_since = 0
    service.beat(age=5.0)
    service.pulse.watchdog.write(9, time.time_ns(), time.monotonic_ns(), 3, layout.BOOT_COMPLETE, 0, 0)
    (entered,) = await watching.look()
    assert entered.event == "lifesign.eventloop.blocked"
    return entered  # type: ignore[no-any-return]


async def test_a_gap_of_our_own_does_not_end_an_illness_that_was_told(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    await blocked(service, watching)
    watching.watcher.last_look -= 60
    assert await watching.look() == []
    assert watching.snapshots[0].state == "blocked"


@pytest.mark.parametrize("jump", [3600, -3600])
async def test_the_length_of_an_illness_is_not_the_wall_clocks_to_say(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, jump: int
) -> None:
    service, watching = main(), sidecar()
    entered = await blocked(service, watching)
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + jump * 10**9)
    service.beat()
    (left,) = await watching.look()
    assert isinstance(left, Span)
    assert left.start == entered.time
    assert 4_000_000_000 < left.end - left.start < 60_000_000_000


async def test_a_thaw_is_no_illness_of_its_own(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service, watching = main(), sidecar()
    watching.watcher._watching_since = 0
    service.beat(age=5.0)
    assert events(await watching.look()) == ["lifesign.process.frozen"]
    # Python runs again: the watchdog happens to beat first, the loop a moment later.
    service.pulse.watchdog.write(9, time.time_ns(), time.monotonic_ns(), 3, layout.BOOT_COMPLETE, 0, 0)
    assert await watching.look() == []
    service.beat()
    assert names(await watching.look()) == ["process frozen"]


async def test_a_loop_that_stays_blocked_after_a_thaw_is_told(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    watching.watcher._watching_since = 0
    service.beat(age=5.0)
    await watching.look()
    service.pulse.watchdog.write(9, time.time_ns(), time.monotonic_ns(), 3, layout.BOOT_COMPLETE, 0, 0)
    assert await watching.look() == []
    told = await watching.look()
    assert (names(told), events(told)) == (["process frozen"], ["lifesign.eventloop.blocked"])


async def test_after_a_gap_of_our_own_old_beats_prove_nothing(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    watching = sidecar()
    watching.watcher._watching_since = 0
    await watching.look()
    service.beat(age=60)
    watching.watcher.last_look -= 60  # we were stopped for a minute, and so was the service
    assert await watching.look() == []
    assert watching.snapshots[0].state == "healthy"


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"not JSON", "malformed"),
        (b'{"kind":"surprise"}', "unknown kind 'surprise'"),
        (b'{"kind":"dry_run"}', "missing required field"),
        (b'{"kind":"checkpoint"}', "missing required field"),
        (json.dumps({**DRY_RUN, "end": 10**400}).encode(), "beyond its bounds"),
        (json.dumps({**DRY_RUN, "start": -1}).encode(), "beyond its bounds"),
        (b"[" * 3000, "array"),
        (b'"\xff\xfe"', "object"),
    ],
)
async def test_a_record_that_cannot_be_read_is_counted_kept_reported_and_the_next_one_read(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, payload: bytes, why: str,
) -> None:  # fmt: skip
    service = main()
    watching = sidecar()
    service.pulse.ring._append(payload)
    service.pulse.ring.append(DRY_RUN)
    told = await watching.look()
    assert names(told) == ["dry_run order"]
    assert events(told) == ["lifesign.records.dropped"]
    assert watching.snapshots[0].dropped == {"ring": 0, "invalid": 1}
    (line,) = (tmp_path / "rejected.jsonl").read_bytes().splitlines()
    kept = json.loads(line)
    assert (kept["process"], kept["payload"]) == ("4242-00000001", payload.decode("latin-1"))
    assert why in kept["why"].lower()
    assert "cannot be read" in caplog.text


async def test_a_record_in_the_wrong_lane_is_invalid(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    watching = sidecar()
    service.pulse.boot.append(DRY_RUN)
    assert events(await watching.look()) == ["lifesign.records.dropped"]
    assert watching.rejected.count == 1


async def test_a_torn_record_is_counted_once(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    watching = sidecar()
    for _ in range(3):
        service.pulse.ring.append(DRY_RUN)
    length = len(json.dumps(DRY_RUN, separators=(",", ":")))
    second = layout.RING_OFFSET + 64 + 32 + layout.padded(length)
    with open(service.folder / "pulse", "r+b") as file:
        file.seek(second + 32)
        file.write(b"\x1b[2J")
    assert names(await watching.look()) == ["dry_run order", "dry_run order"]
    assert watching.snapshots[0].dropped == {"ring": 0, "invalid": 1}


async def test_overwritten_records_are_counted_as_dropped(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    watching = sidecar()
    for _ in range(1000):
        service.pulse.ring.append(DRY_RUN)
    told = await watching.look()
    dropped = next(signal for signal in told if isinstance(signal, Log))
    assert dropped.attributes["lifesign.reason"] == "ring"
    assert dropped.attributes["lifesign.records.dropped.count"] == 1000 - len(names(told))
    assert await watching.look() == []


@pytest.mark.parametrize("trouble", ["version", "no identity", "link", "folder link", "fifo"])
async def test_a_folder_that_cannot_be_watched_is_reported_once_and_hides_no_other(
    main: Callable[..., Any], sidecar: Callable[..., Any], run: Path, tmp_path: Path, trouble: str
) -> None:
    bad, good = main("1-00000000"), main("2-00000000")
    assert good is not bad
    pulse = bad.folder / "pulse"
    if trouble == "version":
        with open(pulse, "r+b") as file:
            file.seek(8)
            file.write(b"\x09")
    elif trouble == "no identity":
        with open(pulse, "r+b") as file:
            file.seek(4096)
            file.write(bytes(16))
    elif trouble == "link":
        pulse.rename(tmp_path / "elsewhere")
        pulse.symlink_to(tmp_path / "elsewhere")
    elif trouble == "folder link":
        bad.folder.rename(tmp_path / "elsewhere")
        bad.folder.symlink_to(tmp_path / "elsewhere")
    else:
        pulse.unlink()
        os.mkfifo(pulse)
    watching = sidecar()
    for _ in range(3):
        await watching.look()
        assert [snapshot.key for snapshot in watching.snapshots] == ["2-00000000"]
    assert watching.rejected.count == 1


async def test_what_is_no_process_folder_is_not_looked_at(sidecar: Callable[..., Any], run: Path) -> None:
    (run / "run.json").write_text("{}")
    (run / "4242").mkdir()
    (run / "../evil").mkdir()
    watching = sidecar()
    assert await watching.look() == []
    assert watching.rejected.count == 0


async def test_a_folder_whose_pulse_is_not_in_place_yet_is_waited_for(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    (service.folder / "pulse").rename(service.folder / "pulse.new")
    watching = sidecar()
    await watching.look()
    assert watching.snapshots == []
    (service.folder / "pulse.new").rename(service.folder / "pulse")
    await watching.look()
    assert [snapshot.key for snapshot in watching.snapshots] == [service.key]


async def test_a_pulse_that_shrinks_is_given_up(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    watching = sidecar()
    await watching.look()
    os.truncate(service.folder / "pulse", 10)
    await watching.look()
    assert watching.snapshots == []
    os.truncate(service.folder / "pulse", layout.file_size(65536))


async def test_an_ended_process_stays_for_a_while_and_its_folder_goes_after_that(
    main: Callable[..., Any], sidecar: Callable[..., Any], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = main()
    watching = sidecar()
    service.die()
    await watching.look()
    await watching.look()
    assert len(watching.snapshots) == 1
    monkeypatch.setattr(watcher, "_KEEP_SECONDS", -1.0)
    await watching.look()
    await watching.look()
    assert watching.snapshots == []
    assert list(run.iterdir()) == []


async def test_what_is_not_ours_in_a_folder_stays(main: Callable[..., Any], run: Path) -> None:
    service = main()
    (service.folder / "precious").write_text("")
    directory = RunDirectory(str(run))
    directory.remove(service.key)
    directory.close()
    assert [path.name for path in service.folder.iterdir()] == ["precious"]


async def test_a_dump_is_asked_for_in_the_pulse(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    watching = sidecar()
    await watching.look()
    assert watching.watcher.request_dump(service.key) == 1
    assert service.pulse.requests(layout.REQUEST_DUMP) == 1
    with pytest.raises(NotWatchedError, match="no process"):
        watching.watcher.request_dump("7-\x1b[31m")
    (service.folder / "pulse").unlink()
    with pytest.raises(NotWatchedError, match="cannot be asked"):
        watching.watcher.request_dump(service.key)


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
    assert names(watching.told) == ["dry_run order"]


async def test_the_tasks_of_a_second_look_at_postconditions(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    result = {
        "id": "1" * 16,
        "name": "db",
        "critical": True,
        "passed": False,
        "reason": "gone",
        "error": None,
        "start": 1,
        "end": 2,
    }
    report = {
        "kind": "postconditions",
        "trace": "a" * 32,
        "id": "b" * 16,
        "start": 1,
        "end": 2,
        "passed": False,
        "diagnostic": "Post-conditions failed: db: gone",
        "results": [result],
        "synthetic": False,
    }
    service.pulse.ring.append(report)
    watching = sidecar()
    await watching.look()
    assert [(one.name, one.passed, one.reason) for one in watching.snapshots[0].postconditions] == [
        ("db", False, "gone")
    ]
    service.pulse.ring.append({**report, "passed": True, "results": [{**result, "passed": True, "reason": ""}]})
    await watching.look()
    assert [(one.name, one.passed) for one in watching.snapshots[0].postconditions] == [("db", True)]


@pytest.mark.parametrize("content", [b"", b"garbage", b'{"4242-00000001": 5}', b"\xff"])
def test_cursors_that_cannot_be_read_start_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cursors.json").write_bytes(content)
    cursors = Cursors(str(tmp_path / "cursors.json"))
    assert cursors.get("4242-00000001").ring_position == 0


async def test_cursors_that_cannot_be_saved_stop_nothing(
    main: Callable[..., Any], sidecar: Callable[..., Any], tmp_path: Path
) -> None:
    main()
    watching = sidecar()
    (tmp_path / "cursors.json.new").mkdir()
    await watching.look()
    assert len(watching.snapshots) == 1


def test_a_look_from_outside_disturbs_nobody(main: Callable[..., Any], run: Path) -> None:
    service = main()
    main("1-00000000")
    (run / "1-00000000" / "pulse").write_bytes(b"junk")
    (snapshot,) = watcher.look_once(str(run), Settings(environ={}), {})
    assert (snapshot.key, snapshot.state) == (service.key, "healthy")
    os.truncate(run / "1-00000000" / "pulse", layout.file_size(65536))


@pytest.mark.parametrize(("path", "why"), [("missing", "does not exist"), ("file", "is not a directory")])
def test_a_run_directory_that_is_none_says_so(tmp_path: Path, path: str, why: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match=why) as raised:
        RunDirectory(str(tmp_path / path))
    assert raised.value.exit_code == 3
    assert raised.value.hint


@pytest.mark.parametrize(
    ("content", "ending"),
    [
        ('{"pid":4242,"asked":"SIGTERM","exit_code":null,"signal":"SIGTERM"}', ("SIGTERM", None, "SIGTERM", False)),
        ('{"pid":4242,"asked":null,"exit_code":0,"signal":null}', (None, 0, None, False)),
        ('{"pid":4242,"asked":null,"exit_code":null,"signal":null}', (None, None, None, True)),
        ('{"pid":1,"asked":"SIGTERM","exit_code":3,"signal":null}', ("SIGTERM", None, None, False)),
        ('{"pid":"x"}', (None, None, None, False)),
        ("", (None, None, None, False)),
    ],
)
def test_what_the_supervisor_wrote(run: Path, content: str, ending: tuple[Any, ...]) -> None:
    (run / "run.json").write_text(content)
    directory = RunDirectory(str(run))
    assert directory.exists()
    assert directory.ending(4242) == ending
    directory.close()
