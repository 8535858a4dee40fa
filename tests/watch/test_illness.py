"""What the watcher tells of an illness and of an end: once, with its evidence, for its real length."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from lifesign.judge.rundir import Incarnation, RunDirectory
from lifesign.watch import judgement
from lifesign.watch.telemetry import Log, Span
from lifesign.wire import layout
from support.made.reported import DRY_RUN, events, names
from support.mainprocess import report


async def test_blocked_then_well_again_is_one_record_in_and_one_span_out(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    watching = sidecar()
    watching.has_watched_for_long()
    await watching.poll()
    last_beat = time.time_ns() - 5_000_000_000
    service.beat(age=5.0)
    service.pulse.watchdog.write(9, time.time_ns(), time.monotonic_ns(), 3, layout.BOOT_COMPLETE, 0, 0)
    (entered,) = await watching.poll()
    assert (entered.event, entered.severity) == ("lifesign.eventloop.blocked", 17)
    assert abs(entered.time - last_beat) < 1_000_000_000
    assert entered.attributes["lifesign.state"] == "blocked"
    assert await watching.poll() == []
    service.beat()
    (left,) = await watching.poll()
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
    await watching.poll()
    service.pulse.ring.append(DRY_RUN)
    (run / "run.json").write_text(json.dumps({"pid": 4242, "asked": None, "exit_code": None, "signal": "SIGKILL"}))
    service.die()
    reported = await watching.poll()
    assert sorted(names(reported)) == ["boot", "dry_run order"]
    assert sorted(events(reported)) == ["lifesign.boot.failed", "lifesign.process.died"]
    died = next(signal for signal in reported if isinstance(signal, Log) and signal.event == "lifesign.process.died")
    assert (died.severity, died.body) == (21, "killed by SIGKILL")
    assert died.attributes["lifesign.process.exit.signal"] == "SIGKILL"
    assert await watching.poll() == []
    (snapshot,) = watching.snapshots
    assert (snapshot.state, snapshot.alive, snapshot.expected) == ("dead", False, True)
    assert watching.watcher.all_ended()


async def test_the_verdict_on_an_end_waits_for_the_supervisors_word(
    main: Callable[..., Any], sidecar: Callable[..., Any], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = main()
    watching = sidecar()
    await watching.poll()
    (run / "run.json").write_text(json.dumps({"pid": 4242}))
    service.pulse.write_tombstone({"how": "clean", "error": None, "ended": 77, "beats": 1, "events": 0})
    service.die()
    assert await watching.poll() == []
    assert watching.snapshots[0].state == "healthy"
    (run / "run.json").write_text(json.dumps({"pid": 4242, "exit_code": 3}))
    assert "lifesign.process.died" in events(await watching.poll())


async def test_a_supervisor_that_is_gone_too_is_not_waited_for_for_ever(
    main: Callable[..., Any], sidecar: Callable[..., Any], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judgement, "_SUPERVISOR_NS", 0)
    service = main()
    (run / "run.json").write_text(json.dumps({"pid": 4242}))
    service.die()
    assert "lifesign.process.died" in events(await sidecar().poll())


async def test_a_clean_end_is_stopped_and_owes_no_beats(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    watching = sidecar()
    service.pulse.write_tombstone({"how": "clean", "error": None, "ended": 77, "beats": 1, "events": 0})
    service.die()
    stopped = next(signal for signal in await watching.poll() if isinstance(signal, Log) and "stopped" in signal.event)
    assert (stopped.time, stopped.severity) == (77, 9)
    assert (watching.snapshots[0].state, watching.snapshots[0].expected) == ("stopped", False)


async def test_an_uncaught_exception_is_in_the_record(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service = main()
    error = {"type": "KeyError", "message": "'x'", "stack": "File ..."}
    service.pulse.write_tombstone({"how": "exception", "error": error, "ended": 77, "beats": 1, "events": 0})
    service.die()
    reported = await sidecar().poll()
    died = next(signal for signal in reported if isinstance(signal, Log) and signal.event == "lifesign.process.died")
    assert died.attributes["exception.type"] == "KeyError"


async def blocked(service: Any, watching: Any) -> Log:
    """Makes the service one whose loop has not turned for five seconds; returns the record of it."""
    watching.has_watched_for_long()
    service.beat(age=5.0)
    service.pulse.watchdog.write(9, time.time_ns(), time.monotonic_ns(), 3, layout.BOOT_COMPLETE, 0, 0)
    (entered,) = await watching.poll()
    assert entered.event == "lifesign.eventloop.blocked"
    return entered  # type: ignore[no-any-return]


async def test_a_gap_of_our_own_does_not_end_an_illness_that_was_told(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    await blocked(service, watching)
    watching.watcher._awake -= 60
    assert await watching.poll() == []
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
    (left,) = await watching.poll()
    assert isinstance(left, Span)
    assert left.start == entered.time
    assert 4_000_000_000 < left.end - left.start < 60_000_000_000


async def test_after_a_gap_of_our_own_old_beats_prove_nothing(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service = main()
    watching = sidecar()
    watching.has_watched_for_long()
    await watching.poll()
    service.beat(age=60)
    watching.watcher._awake -= 60  # we were stopped for a minute, and so was the service
    assert await watching.poll() == []
    assert watching.snapshots[0].state == "healthy"


@pytest.mark.parametrize(
    ("content", "ending"),
    [
        ('{"pid":4242,"asked":"SIGTERM","exit_code":null,"signal":"SIGTERM"}', ("SIGTERM", None, "SIGTERM", False)),
        ('{"pid":4242,"asked":null,"exit_code":0,"signal":null}', (None, 0, None, False)),
        ('{"pid":4242,"asked":null,"exit_code":null,"signal":null}', (None, None, None, True)),
        ('{"pid":1,"asked":"SIGTERM","exit_code":3,"signal":null}', ("SIGTERM", None, None, False)),
        ('{"pid":4242,"asked":null,"exit_code":null,"signal":"\\ud800"}', (None, None, None, False)),
        ('{"pid":4242,"asked":"\\u001b[2J","exit_code":0,"signal":null}', (None, None, None, False)),
        ('{"pid":4242,"asked":"SIGTERM","asked_at":1e9}', (None, None, None, False)),
        ('{"pid":4242,"asked":"SIGTERM","asked_at":-' + "9" * 400 + "}", (None, None, None, False)),
        ('{"pid":"x"}', (None, None, None, False)),
        ("", (None, None, None, False)),
    ],
)
def test_what_the_supervisor_wrote(run: Path, content: str, ending: tuple[Any, ...]) -> None:
    (run / "run.json").write_text(content)
    directory = RunDirectory(str(run))
    who = Incarnation("4242-00000001", 4242, 0)
    assert directory.ending(who, over=False)[:4] == ending
    directory.close()


async def test_a_failing_critical_check_degrades_the_service_until_it_passes(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    await watching.poll()
    service.pulse.ring.append(report(reason="no route\nto host"))
    service.beat(failing=1)
    entered = [log for log in await watching.poll() if isinstance(log, Log) and "degraded" in log.event]
    assert [(log.event, log.severity, log.body, log.attributes) for log in entered] == [
        (
            "lifesign.process.degraded",
            17,
            "post-condition 'db' fails: no route to host",
            {"lifesign.state": "degraded"},
        )
    ]
    assert (watching.snapshots[0].state, watching.snapshots[0].expected) == ("degraded", True)
    service.pulse.ring.append(report(passed=True, reason=""))
    service.beat(failing=0)
    assert "lifesign.process.degraded" not in events(await watching.poll())
    assert watching.snapshots[0].state == "healthy"


async def test_the_checks_that_fail_are_known_to_a_next_life_of_the_sidecar(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, first = main(), sidecar()
    service.pulse.ring.append(report())
    service.beat(failing=1)
    await first.poll()
    second = sidecar()
    assert "lifesign.process.degraded" not in events(await second.poll()), "it was reported before"
    assert second.snapshots[0].why == "post-condition 'db' fails: gone"


async def test_silence_that_flaps_is_damped_and_its_last_word_comes_before_the_end(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    seen: list[Any] = []
    for _ in range(9):
        for deadline, state in ((1, "silent"), (10**15, "healthy")):
            service.pulse.events.promise("order", deadline)
            seen += await watching.poll()
            assert watching.snapshots[0].state == state
    assert events(seen).count("lifesign.silence") == 3
    service.die()
    last = [log for log in await watching.poll() if isinstance(log, Log) and log.event != "lifesign.boot.failed"]
    assert [log.event for log in last] == ["lifesign.silence", "lifesign.process.died"]
    assert last[0].attributes == {
        "lifesign.state": "silent", "lifesign.event.name": "order", "lifesign.state.count": 6,
    }  # fmt: skip
    assert "; 6 times in the last " in last[0].body


async def test_a_parked_loop_is_no_illness(main: Callable[..., Any], sidecar: Callable[..., Any]) -> None:
    service, watching = main(), sidecar()
    watching.has_watched_for_long()
    now = time.monotonic_ns()
    service.pulse.loops[1].begin(layout.LOOP_RUNNING, 2, 4343, 0)
    service.pulse.loops[1].write(5, 77, now - 9_000_000_000, 0)
    stall = {"kind": "stall", "loop": 1, "since": 77, "at": 80, "busy": False, "stack": [], "parked": True}
    service.pulse.ring.append(stall)
    service.beat()
    await watching.poll()
    assert (watching.snapshots[0].state, watching.snapshots[0].loops) == ("healthy", 1)
    assert watching.snapshots[0].beat_age < 5
    service.pulse.ring.append({**stall, "parked": False})  # there is work for it now
    service.beat()
    await watching.poll()
    assert watching.snapshots[0].state == "blocked"
