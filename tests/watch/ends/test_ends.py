"""An end is judged once, by what was known of that process then; and a tombstone is believed while a process lives."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from lifesign.watch import judgement
from lifesign.watch.telemetry import Log

Make = Callable[..., Any]
CLEAN = {"how": "clean", "error": None, "ended": 77, "beats": 1, "events": 0}


def ends(telemetry: list[Any]) -> list[tuple[str, str]]:
    """Event and body of each log record about an end."""
    return [
        (one.event.rpartition(".")[2], one.body)
        for one in telemetry
        if isinstance(one, Log) and "boot" not in one.event
    ]


def write(run: Path, **content: Any) -> None:
    empty = {"pid": 1, "asked": None, "asked_at": None, "exit_code": None, "signal": None}
    (run / "run.json").write_text(json.dumps({**empty, **content}))


def states(watching: Any) -> dict[str, str]:
    return {one.key: one.state for one in watching.snapshots}


async def test_who_was_dead_before_the_end_was_asked_for_stays_dead(main: Make, sidecar: Make, run: Path) -> None:
    service, watching = main(), sidecar()
    await watching.poll()
    service.die()
    assert ends(await watching.poll()) == [("died", "gone without a tombstone: killed, or ended by os._exit")]
    write(run, asked="SIGTERM", asked_at=time.monotonic_ns())
    assert await watching.poll() == []
    assert watching.snapshots[0].why.startswith("gone without a tombstone")
    again = sidecar()
    assert await again.poll() == []
    assert states(again) == {service.key: "dead"}
    assert again.snapshots[0].why.startswith("gone without a tombstone")


async def test_a_child_is_no_death_where_nothing_is_known_of_its_end(main: Make, sidecar: Make, run: Path) -> None:
    write(run, pid=1)
    service, watching = main(), sidecar()
    await watching.poll()
    service.die()
    assert ends(await watching.poll()) == [
        ("stopped", "how it ended is not known: the process that made it may have ended it")
    ]
    assert not watching.snapshots[0].expected


async def test_the_exit_status_of_cmd_is_not_that_of_an_earlier_life_of_its_process(
    main: Make, sidecar: Make, run: Path
) -> None:
    write(run, pid=4242, exit_code=3)
    started = time.monotonic_ns()
    before = main("4242-00000001", started_mono_ns=started)
    now = main("4242-00000002", started_mono_ns=started + 3_000_000)
    os.utime(before.folder, ns=(1, 1))
    before.die()
    now.die()
    watching = sidecar()
    await watching.poll()
    assert states(watching) == {before.key: "stopped", now.key: "dead"}
    assert watching.snapshots[0].why == "it replaced itself by another program (exec)"


async def test_another_process_that_got_its_number_is_no_newer_life(main: Make, sidecar: Make) -> None:
    started = time.monotonic_ns()
    before = main("4242-00000001", started_mono_ns=started - 60_000_000_000)
    main("4242-00000002", started_mono_ns=started)
    os.utime(before.folder, ns=(1, 1))
    before.die()
    watching = sidecar()
    await watching.poll()
    assert states(watching)[before.key] == "dead"


async def test_a_tombstone_of_a_living_process_is_believed_a_moment_later(
    main: Make, sidecar: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, watching = main(), sidecar()
    await watching.poll()
    watching.has_watched_for_long()
    service.beat(age=60)  # an exit handler has been at work for a minute
    service.pulse.write_tombstone(CLEAN)
    assert await watching.poll() == []
    assert states(watching) == {service.key: "healthy"}
    monkeypatch.setattr(judgement, "_LEAVING_NS", 0)
    assert ends(await watching.poll()) == [
        ("stopped", "its agent has ended: exit handlers run, or lifesign.stop() was called")
    ]
    service.beat()  # the last one of a watchdog that was late itself
    assert await watching.poll() == []
    assert states(watching) == {service.key: "stopped"}
    assert not watching.watcher.all_ended()
    service.die()
    await watching.poll()
    assert watching.watcher.all_ended()
    assert watching.snapshots[0].why == "ended by itself"


async def test_who_says_goodbye_and_is_killed_then_has_died(
    main: Make, sidecar: Make, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgement, "_LEAVING_NS", 0)
    write(run, pid=4242)
    service, watching = main(), sidecar()
    service.beat(age=1)
    service.pulse.write_tombstone(CLEAN)
    assert [event for event, _ in ends(await watching.poll())] == ["stopped"]
    service.die()
    write(run, pid=4242, signal="SIGKILL")
    assert ends(await watching.poll()) == [("died", "killed by SIGKILL")]


async def test_stop_and_start_is_one_process(main: Make, sidecar: Make) -> None:
    started = time.monotonic_ns()
    before, watching = main("4242-00000001", started_mono_ns=started), sidecar()
    before.beat(age=1)
    before.pulse.write_tombstone(CLEAN)
    os.utime(before.folder, ns=(1, 1))
    now = main("4242-00000002", started_mono_ns=started)
    assert ends(await watching.poll()) == [
        ("stopped", "lifesign.stop() ended its watch, and lifesign.start() began a new one")
    ]
    assert states(watching) == {before.key: "stopped", now.key: "healthy"}
    assert [one.alive for one in watching.snapshots] == [False, True]


async def test_killed_so_long_after_it_was_asked(main: Make, sidecar: Make, run: Path) -> None:
    service, watching = main(), sidecar()
    await watching.poll()
    write(run, pid=4242, asked="SIGTERM", asked_at=time.monotonic_ns() - 8_000_000_000)
    await watching.poll()
    service.die()
    write(run, pid=4242, asked="SIGTERM", asked_at=time.monotonic_ns() - 8_000_000_000, signal="SIGKILL")
    ((event, body),) = ends(await watching.poll())
    assert event == "died"
    assert body.startswith("killed by SIGKILL 8.")
    assert body.endswith(" s after SIGTERM")
