"""A stop that a preStop hook announced in the run directory, before the signal, and also where nobody asked."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Callable

import pytest

from lifesign.judge import ending
from lifesign.watch import judgement
from lifesign.watch.telemetry import SEVERITY_WARN, Log
from lifesign.wire import layout
from lifesign.wire.stopping import announce

Make = Callable[..., Any]


def ends(telemetry: list[Any]) -> list[tuple[str, str]]:
    """Event and body of each log record about the end of a process."""
    found = ("lifesign.process.stopped", "lifesign.process.died")
    return [(log.event, log.body) for log in telemetry if isinstance(log, Log) and log.event in found]


async def state(watching: Any) -> str:
    await watching.poll()
    return str(watching.snapshots[-1].state)


async def test_who_dies_after_it_was_asked_to_has_stopped(main: Make, sidecar: Make) -> None:
    service, watching = main(), sidecar()
    assert await state(watching) == "healthy"

    announce(watching.directory.path)
    service.die()

    assert ends(await watching.poll()) == [], "a kubelet may start its container again"
    (shown,) = watching.snapshots
    assert (shown.state, shown.expected, watching.watcher.all_ended()) == ("stopped", False, False)
    watching.watcher.leave()
    assert ends(await watching.poll()) == [("lifesign.process.stopped", "ended by SIGTERM, as asked")]
    assert watching.watcher.all_ended()


async def test_who_is_not_asked_and_not_followed_has_stopped_after_a_while(
    main: Make, sidecar: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgement, "_KUBELET_NS", 0)
    service, watching = main(), sidecar()
    await watching.poll()
    announce(watching.directory.path)
    service.die()
    assert ends(await watching.poll()) == [("lifesign.process.stopped", "ended by SIGTERM, as asked")]


@pytest.mark.parametrize("seen", [True, False], ids=["seen", "between polls"])
@pytest.mark.parametrize(
    ("phase", "because"),
    [(layout.BOOT_COMPLETE, "probably a liveness probe failed"), (layout.BOOT_STARTING, "its startup probe")],
    ids=["running", "booting"],
)
async def test_a_container_that_runs_again_was_ended_by_a_probe(
    main: Make, sidecar: Make, phase: int, because: str, seen: bool
) -> None:
    service, watching = main(), sidecar()
    service.beat(phase=phase)
    await watching.poll()
    announce(watching.directory.path)
    service.die()
    reported = ends(await watching.poll()) if seen else []
    again = main("4343-00000002", started_mono_ns=time.monotonic_ns())
    again.beat()
    for _ in range(2):
        reported += ends(await watching.poll())

    ((event, body),) = reported
    assert event == "lifesign.process.died"
    assert body.startswith("its container was ended and started again: probably")
    assert because in body
    assert {one.key: (one.state, one.expected) for one in watching.snapshots} == {
        service.key: ("dead", True),
        again.key: ("healthy", True),
    }


async def test_a_worker_that_is_replaced_while_others_end_is_no_restart(main: Make, sidecar: Make) -> None:
    first, second, watching = main(), main("4343-00000002"), sidecar()
    await watching.poll()
    announce(watching.directory.path)
    first.die()
    await watching.poll()
    main("4444-00000003", started_mono_ns=time.monotonic_ns())
    assert ends(await watching.poll()) == []
    second.die()
    watching.watcher.leave()
    assert [event for event, _ in ends(await watching.poll())] == ["lifesign.process.stopped"] * 2


async def test_who_is_there_until_its_grace_is_over_was_killed_and_owes_no_heartbeats(
    main: Make, sidecar: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "_HOOK_NS", 30_000_000_000)  # more than its grace: half of that counts, and no second
    service, watching = main(), sidecar(grace="0.000001")
    await watching.poll()
    announce(watching.directory.path)
    watching.watcher.leave()
    assert ends(await watching.poll()) == []
    assert [one.expected for one in watching.snapshots] == [False], "the last word, if the sidecar is killed as well"
    service.die()

    (died,) = [log for log in await watching.poll() if isinstance(log, Log) and log.event == "lifesign.process.died"]
    assert died.body.startswith("killed by SIGKILL 0.0 s after SIGTERM")
    assert died.severity == SEVERITY_WARN
    again = sidecar()
    await again.poll()
    assert [(one.state, one.expected) for one in again.snapshots] == [("dead", False)]


@pytest.mark.parametrize(
    ("apart", "lives", "event"),
    [(0, True, "died"), (0, False, "stopped"), (3600, True, "stopped")],
    ids=["it is there when its sidecar is asked", "it is gone by then", "both are asked at the same time"],
)
async def test_who_is_there_when_the_sidecar_is_asked_was_killed(
    main: Make, sidecar: Make, monkeypatch: pytest.MonkeyPatch, apart: int, lives: bool, event: str
) -> None:
    monkeypatch.setattr(judgement, "_APART_NS", apart * 1_000_000_000)
    service, watching = main(), sidecar()
    await watching.poll()
    announce(watching.directory.path)
    await watching.poll()
    if lives:
        watching.watcher.leave()
    service.die()  # before the next poll
    watching.watcher.leave()
    ((reported, body),) = ends(await watching.poll())
    assert reported == f"lifesign.process.{event}"
    assert body.startswith("killed by SIGKILL" if event == "died" else "ended by SIGTERM, as asked")


@pytest.mark.parametrize("asked", [True, False], ids=["its grace is over", "a sidecar that is restarted alone"])
async def test_the_last_look_says_what_will_become_of_who_is_still_there(
    main: Make, sidecar: Make, monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    monkeypatch.setattr(judgement, "_APART_NS", 0)
    main()
    watching = sidecar()
    await watching.poll()
    if asked:
        announce(watching.directory.path)
        await watching.poll()
    stopping = asyncio.Event()
    stopping.set()
    await watching.watcher.run(stopping)
    body = "its pod ends, and 0.0 s after SIGTERM it is still there: SIGKILL is next"
    assert ends(watching.reported) == ([("lifesign.process.died", body)] if asked else [])
    assert watching.snapshots[0].expected is not asked


@pytest.mark.parametrize(
    ("how", "promised", "failed"),
    [
        ("asked", 0, False),
        ("asked", 30, False),
        ("ended", 0, False),
        ("ended", 30, True),
        ("killed", 0, True),
    ],
)
async def test_a_boot_fails_by_a_death_or_by_a_promise(
    main: Make, sidecar: Make, how: str, promised: int, failed: bool
) -> None:
    service, watching = main(), sidecar()
    if promised:
        service.pulse.events.promise("order", promised * 1_000_000_000)
    service.beat(phase=layout.BOOT_STARTING, age=1)
    await watching.poll()
    if how == "asked":
        announce(watching.directory.path)
    if how == "ended":
        service.pulse.write_tombstone({"how": "clean", "error": None, "ended": 77, "beats": 1, "events": 0})
    service.die()
    watching.watcher.leave()
    await watching.poll()
    reported = {log.event for log in watching.reported if isinstance(log, Log)}
    assert ("lifesign.boot.failed" in reported) is failed


async def test_no_heartbeats_are_due_while_it_cleans_up(main: Make, sidecar: Make) -> None:
    service, watching = main(), sidecar()
    watching.has_watched_for_long()
    await watching.poll()
    announce(watching.directory.path)
    service.beat(age=60)
    service.pulse.watchdog.write(2, time.time_ns(), time.monotonic_ns(), 3, 1, 0, 0)
    await watching.poll()
    assert [(one.state, one.expected) for one in watching.snapshots] == [("healthy", False)]
    assert watching.snapshots[0].why.startswith("SIGTERM 0.0 s ago: it has 30.0 s to end")


async def test_who_was_ill_before_still_owes_them(main: Make, sidecar: Make) -> None:
    service, watching = main(), sidecar()
    watching.has_watched_for_long()
    service.beat(age=60)
    await watching.poll()
    announce(watching.directory.path)
    await watching.poll()
    assert [(one.state, one.expected) for one in watching.snapshots] == [("frozen", True)]


async def test_a_sidecar_that_is_restarted_alone_leaves_the_heartbeats_due(main: Make, sidecar: Make) -> None:
    main()
    watching = sidecar()
    watching.watcher.leave()
    await watching.poll()
    assert [one.expected for one in watching.snapshots] == [True]


async def test_who_dies_without_that_is_dead(main: Make, sidecar: Make) -> None:
    service, watching = main(), sidecar()
    await watching.poll()
    service.die()
    assert await state(watching) == "dead"


async def test_it_says_nothing_of_who_comes_afterwards(main: Make, sidecar: Make) -> None:
    main().die()
    watching = sidecar()
    await watching.poll()
    announce(watching.directory.path)
    restarted = main("4343-00000002", started_mono_ns=time.monotonic_ns())
    await watching.poll()
    restarted.die()
    assert await state(watching) == "dead"


@pytest.mark.parametrize("watchdog", [True, False], ids=["blocked", "frozen"])
async def test_a_container_that_is_ended_for_its_illness_was_not_asked(
    main: Make, sidecar: Make, watchdog: bool
) -> None:
    service, watching = main(), sidecar()
    watching.has_watched_for_long()
    service.beat(age=60)
    if watchdog:
        service.pulse.watchdog.write(2, time.time_ns(), time.monotonic_ns(), 3, 1, 0, 0)
    assert await state(watching) == ("blocked" if watchdog else "frozen")

    announce(watching.directory.path)
    service.die()

    assert await state(watching) == "dead"
    assert watching.snapshots[-1].why.endswith(f"ended while it was {'blocked' if watchdog else 'frozen'}")
    assert watching.snapshots[-1].expected


async def test_a_frozen_process_has_lived_until_it_was_killed(main: Make, sidecar: Make) -> None:
    service, watching = main(), sidecar()
    watching.has_watched_for_long()
    service.beat(age=60)
    await watching.poll()
    before = time.time_ns()
    await watching.poll()
    service.die()
    (died,) = [log for log in await watching.poll() if isinstance(log, Log) and log.event == "lifesign.process.died"]
    assert before <= died.time <= time.time_ns()
    assert watching.snapshots[-1].uptime == pytest.approx(10, abs=5), "it had started 10 s before"


async def test_who_lives_on_was_not_meant(main: Make, sidecar: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judgement, "_ASKED_NS", 0)
    service, watching = main(), sidecar(grace="0.000000001")
    await watching.poll()
    announce(watching.directory.path)
    service.die()
    assert await state(watching) == "dead"
