"""What a killed sidecar had emitted comes again with the same ids, or not at all; nothing falls between two lives."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from lifesign.judge.rundir import RunDirectory
from lifesign.watch import watcher as watcher_module
from lifesign.watch.emitter import Emitter
from lifesign.watch.telemetry import Log, Span
from lifesign.wire import layout
from lifesign.wire.reader import PulseReader
from support.made.dumps import answer, frame, group
from support.made.reported import DRY_RUN

TOO_LONG = {**DRY_RUN, "type": [0] * (layout.RECORD_BYTES_MAX // 2)}


def dropped(reported: list[Any]) -> list[tuple[str, int]]:
    """The uid and the count of each report of lost records."""
    return [
        (signal.uid, signal.attributes["lifesign.records.dropped.count"])
        for signal in reported
        if isinstance(signal, Log) and signal.event == "lifesign.records.dropped"
    ]


def overwritten(folder: Path) -> int:
    """How many records are no longer in the ring."""
    directory = os.open(folder, os.O_RDONLY)
    reader = PulseReader(directory)
    oldest = reader.ring().records[0].sequence
    reader.close()
    os.close(directory)
    return oldest


async def test_what_would_not_outlive_a_kill_is_told_again(
    main: Callable[..., Any], sidecar: Callable[..., Any], tmp_path: Path
) -> None:
    service = main()
    watching = sidecar()
    await watching.poll()
    watching.safe = False
    service.pulse.ring.append(DRY_RUN)
    (reported,) = await watching.poll()
    assert await watching.poll() == [], "once in a life"
    again = sidecar()
    assert [span.id for span in await again.poll() if isinstance(span, Span)] == [reported.id]
    assert await sidecar().poll() == []


async def test_a_pulse_stays_until_what_it_said_is_safe(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_module, "_KEEP_SECONDS", -1.0)
    service = main()
    watching = sidecar()
    watching.safe = False
    service.die()
    await watching.poll()
    assert service.folder.exists()
    watching.safe = True
    await watching.poll()
    assert not service.folder.exists()


async def test_a_loss_that_is_told_again_has_the_same_id_and_the_newer_count(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    watching = sidecar()
    for _ in range(1000):
        service.pulse.ring.append(DRY_RUN)
    watching.safe = False
    ((uid, count),) = dropped(await watching.poll())
    assert count == overwritten(service.folder) > 300
    for _ in range(300):
        service.pulse.ring.append(DRY_RUN)
    watching = sidecar()  # the one before was killed
    newer = overwritten(service.folder)
    assert dropped(await watching.poll()) == [(uid, newer)]
    assert watching.snapshots[0].dropped["ring"] == newer
    for _ in range(1000):
        service.pulse.ring.append(DRY_RUN)
    ((later, more),) = dropped(await watching.poll())
    assert later != uid
    assert watching.snapshots[0].dropped["ring"] == newer + more


async def test_what_the_writer_refused_is_told_once_over_restarts(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    service.pulse.ring.append(TOO_LONG)
    service.pulse.boot.append(TOO_LONG)
    assert [count for _, count in dropped(await sidecar().poll())] == [2]
    watching = sidecar()
    assert dropped(await watching.poll()) == []
    assert watching.snapshots[0].dropped["ring"] == 2
    service.pulse.ring.append(TOO_LONG)
    assert [count for _, count in dropped(await watching.poll())] == [1]


async def test_why_a_process_is_ill_is_read_again(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    service.beat(age=1000.0, watchdog_age=0.0)
    stall = {"kind": "stall", "loop": 0, "since": time.time_ns(), "at": 2, "busy": True, "stack": [frame("render", 8)]}
    died = {
        "kind": "task_died", "task": "consumer", "function": "consume", "referenced": False, "place": None,
        "error": {"type": "ValueError", "message": "no price", "stack": ""}, "count": 1, "at": 50,
    }  # fmt: skip
    dump = answer(group(0, 3, "render"))
    for record in ({"kind": "no such kind"}, stall, died, *dump.groups, dump.dump):
        service.pulse.ring.append(record)
    watching = sidecar()
    watching.has_watched_for_long()
    assert await watching.poll()
    again = sidecar()
    again.has_watched_for_long()
    assert await again.poll() == []
    assert [one.state for one in again.snapshots] == ["blocked"]
    assert again.snapshots[0].causes == watching.snapshots[0].causes
    assert "render" in again.snapshots[0].causes[0].sentence


@pytest.mark.parametrize("reason", [errno.EMFILE, errno.ENOMEM])
async def test_want_of_descriptors_is_no_reason_to_leave_a_process_alone(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    main().pulse.ring.append(DRY_RUN)
    watching = sidecar()
    with monkeypatch.context() as patched:
        patched.setattr(RunDirectory, "open", refuse(reason))
        assert await watching.poll() == []
    assert len(await watching.poll()) == 1
    assert watching.rejected.count == 0


def refuse(reason: int) -> Callable[..., Any]:
    """Fails in place of a call."""

    def refused(*_: object, **__: object) -> Any:
        raise OSError(reason, os.strerror(reason))

    return refused


async def test_a_look_that_broke_off_is_made_good(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    service = main()
    watching = sidecar()
    service.pulse.ring.append(DRY_RUN)
    assert len(await watching.poll()) == 1
    service.pulse.ring.append(DRY_RUN)
    with monkeypatch.context() as patched:
        # The ring has been read by then: what is in it must not be lost with the poll.
        patched.setattr(Emitter, "_report_dropped", refuse(errno.EIO))
        assert await watching.poll() == []
        assert await watching.poll() == []
    assert caplog.text.count("cannot be watched for now: [Errno 5]") == 1
    assert len(await watching.poll()) == 1
    assert await watching.poll() == []


async def test_a_folder_that_could_not_be_opened_is_tried_again(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = main()
    service.pulse.ring.append(DRY_RUN)
    assert len(await sidecar().poll()) == 1
    service.pulse.ring.append(DRY_RUN)
    watching = sidecar()
    with monkeypatch.context() as patched:
        patched.setattr(RunDirectory, "open", refuse(errno.EIO))
        assert await watching.poll() == []
    assert await watching.poll() == [], "not at each poll"
    later = time.monotonic() + 10.0
    monkeypatch.setattr(watcher_module.time, "monotonic", lambda: later)
    assert len(await watching.poll()) == 1, "from where the life before had come to"


async def test_an_ended_process_is_read_to_its_end_before_its_folder_goes(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_module, "_KEEP_SECONDS", -1.0)
    monkeypatch.setattr("lifesign.wire.lane._STEPS_MAX", 10)
    service = main()
    for _ in range(25):
        service.pulse.ring.append(DRY_RUN)
    service.die()
    watching = sidecar()
    for _ in range(5):
        await watching.poll()
    assert sum(isinstance(signal, Span) and signal.name.startswith("dry_run") for signal in watching.reported) == 25
    assert not service.folder.exists()


async def test_cursors_of_processes_long_gone_do_not_pile_up(
    main: Callable[..., Any], sidecar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cursors.json"
    service, gone = main(), main("99-0000aaaa")
    for one in (service, gone):
        one.pulse.ring.append(DRY_RUN)
    await sidecar().poll()
    assert json.loads(file.read_text())["cursors"].keys() == {service.key, gone.key}
    shutil.rmtree(tmp_path / "run" / gone.key)
    watching = sidecar()
    with monkeypatch.context() as patched:
        patched.setattr(RunDirectory, "listed", refuse(errno.EIO))
        await watching.poll()
    assert len(json.loads(file.read_text())["cursors"]) == 2, "a directory that cannot be read is not an empty one"
    assert await watching.poll() == []
    assert list(json.loads(file.read_text())["cursors"]) == [service.key]


async def test_a_folder_that_cannot_be_removed_is_not_told_of_again(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher_module, "_KEEP_SECONDS", -1.0)
    monkeypatch.setattr(RunDirectory, "remove", lambda *_: None)
    service = main()
    service.pulse.ring.append(DRY_RUN)
    service.die()
    watching = sidecar()
    assert await watching.poll()
    for _ in range(2):
        assert await watching.poll() == []
    assert watching.snapshots == []
    assert await sidecar().poll() == []
