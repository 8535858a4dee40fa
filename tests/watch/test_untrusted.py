"""A run directory that anybody may have written into: counted, kept aside, reported, and the next one read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable

import pytest

from lifesign.errors import RunDirectoryError
from lifesign.judge.rundir import RunDirectory
from lifesign.watch.telemetry import Log
from lifesign.wire import layout
from support.made.reported import DRY_RUN, events, names


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"not JSON", "malformed"),
        (b'{"kind":"surprise"}', "unknown kind 'surprise'"),
        (b'{"kind":"dry_run"}', "missing required field"),
        (b'{"kind":"checkpoint"}', "missing required field"),
        (json.dumps({**DRY_RUN, "end": 10**400}).encode(), "beyond its bounds"),
        (json.dumps({**DRY_RUN, "start": -1}).encode(), "beyond its bounds"),
        (json.dumps(DRY_RUN, separators=(",", ":")).encode()[:-1] + b',"kind":"stall"}', "invalid enum value"),
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
    reported = await watching.poll()
    assert names(reported) == ["dry_run order"]
    assert events(reported) == ["lifesign.records.dropped"]
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
    assert events(await watching.poll()) == ["lifesign.records.dropped"]
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
    assert names(await watching.poll()) == ["dry_run order", "dry_run order"]
    assert watching.snapshots[0].dropped == {"ring": 0, "invalid": 1}


async def test_overwritten_records_are_counted_as_dropped(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    watching = sidecar()
    for _ in range(1000):
        service.pulse.ring.append(DRY_RUN)
    reported = await watching.poll()
    dropped = next(signal for signal in reported if isinstance(signal, Log))
    assert dropped.attributes["lifesign.reason"] == "ring"
    assert dropped.attributes["lifesign.records.dropped.count"] == 1000 - len(names(reported))
    assert await watching.poll() == []


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
        await watching.poll()
        assert [snapshot.key for snapshot in watching.snapshots] == ["2-00000000"]
    assert watching.rejected.count == 1
    others = watching.watcher.other_versions()
    assert [other.split()[1] for other in others] == (["1-00000000"] if trouble == "version" else [])


async def test_what_is_no_process_folder_is_not_looked_at(sidecar: Callable[..., Any], run: Path) -> None:
    (run / "run.json").write_text("{}")
    (run / "4242").mkdir()
    (run / "../evil").mkdir()
    watching = sidecar()
    assert await watching.poll() == []
    assert watching.rejected.count == 0


async def test_a_pulse_that_shrinks_is_given_up(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    watching = sidecar()
    await watching.poll()
    os.truncate(service.folder / "pulse", 10)
    await watching.poll()
    assert watching.snapshots == []
    os.truncate(service.folder / "pulse", layout.file_size(65536))


async def test_what_is_not_ours_in_a_folder_stays(main: Callable[..., Any], run: Path) -> None:
    service = main()
    (service.folder / "precious").write_text("")
    directory = RunDirectory(str(run))
    directory.remove(service.key)
    directory.close()
    assert [path.name for path in service.folder.iterdir()] == ["precious"]


@pytest.mark.parametrize(("path", "why"), [("missing", "does not exist"), ("file", "is not a directory")])
def test_a_run_directory_that_is_none_says_so(tmp_path: Path, path: str, why: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match=why) as raised:
        RunDirectory(str(tmp_path / path))
    assert raised.value.exit_code == 3
    assert raised.value.hint


async def test_a_flood_of_bad_records_is_counted_and_not_all_written_down(
    main: Callable[..., Any], sidecar: Callable[..., Any], tmp_path: Path
) -> None:
    service = main()
    watching = sidecar()
    for _ in range(1000):
        service.pulse.ring._append(b"?")
    await watching.poll()
    assert watching.snapshots[0].dropped == {"ring": 0, "invalid": 1000}
    assert len((tmp_path / "rejected.jsonl").read_bytes().splitlines()) < 300


async def test_numbers_that_nobody_counts_to_are_not_believed(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    watching = sidecar()
    service.pulse.events.count("order")
    with open(service.folder / "pulse", "r+b") as file:  # its deadline
        file.seek(layout.EVENTS_OFFSET + layout.WORD + layout.EVENT_NAME_BYTES + 4 * layout.WORD)
        file.write(b"\xff" * layout.WORD)
    service.pulse.loops[0].begin(layout.LOOP_RUNNING, 1, 0, 0)
    service.pulse.loops[0].write((1 << 64) - 1, 0, 0, 0)
    await watching.poll()
    (snapshot,) = watching.snapshots
    assert (snapshot.beats, snapshot.events) == (1, ())


async def test_a_boot_timeout_beyond_all_time_is_no_identity(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    main(boot_timeout=1e308)
    watching = sidecar()
    await watching.poll()
    assert (watching.snapshots, watching.rejected.count) == ([], 1)


@pytest.mark.parametrize(
    "content", ['{"pid": 4242, "exit_code": 18446744073709551615}', '{"pid": 4242, "asked": "' + "x" * 1000 + '"}']
)
async def test_an_ending_that_cannot_be_is_not_believed(
    main: Callable[..., Any], sidecar: Callable[..., Any], run: Path, content: str
) -> None:
    service = main()
    (run / "run.json").write_text(content)
    service.die()
    watching = sidecar()
    (died,) = [signal for signal in await watching.poll() if getattr(signal, "event", "") == "lifesign.process.died"]
    assert "process.exit.code" not in died.attributes
    assert watching.snapshots[0].state == "dead"


async def test_a_process_that_died_in_the_future_has_lived_until_now(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    service.beat(age=-1e9)
    service.die()
    watching = sidecar()
    await watching.poll()
    assert 10 <= watching.snapshots[0].uptime < 1000
