"""The boot trace: complete, failed, cut short, or exported by two sidecars, always the same trace."""

from __future__ import annotations

from typing import Any

import pytest

from lifesign.watch.emit import boot as boot_module
from lifesign.watch.emit.boot import BootView
from lifesign.watch.emit.transitions import Details
from lifesign.watch.telemetry import Log, Span, Telemetry
from support.mainprocess import STARTED, TRACE, identity

S = 1_000_000_000
KEY = "4242-00000001"


def checkpoint(name: str, start: float, end: float | None, **changes: Any) -> Any:
    return {
        "kind": "checkpoint",
        "id": name.encode().hex().ljust(16, "0")[:16],
        "name": name,
        "number": None,
        "total": None,
        "start": STARTED + int(start * S),
        "end": None if end is None else STARTED + int(end * S),
        "error": None,
        "synthetic": False,
        **changes,
    }


def over(outcome: str, end: float, diagnostic: str = "") -> Any:
    return {"kind": "boot_ended", "outcome": outcome, "diagnostic": diagnostic, "end": STARTED + int(end * S)}


def view(*records: Any, **changes: Any) -> BootView:
    boot = BootView(identity(**changes), KEY)
    for record in records:
        boot.add(record)
    return boot


def spans(made: list[Telemetry]) -> dict[str, Span]:
    return {signal.name: signal for signal in made if isinstance(signal, Span)}


def logs(made: list[Telemetry]) -> list[Log]:
    return [signal for signal in made if isinstance(signal, Log)]


def test_a_good_boot_is_a_root_with_its_checkpoints() -> None:
    boot = view(
        checkpoint("started", 0, 1, number=1, total=8),
        checkpoint("config loaded", 1, 2),
        over("complete", 3),
    )
    made = boot.telemetry(None, 0)
    assert logs(made) == []
    root = spans(made)["boot"]
    assert (root.trace, root.id, root.parent, root.remote_parent) == (TRACE, "00f067aa0ba902b7", None, False)
    assert (root.start, root.end, root.error) == (STARTED, STARTED + 3 * S, None)
    assert root.attributes == {"lifesign.boot.outcome": "complete"}
    first = spans(made)["checkpoint started"]
    assert (first.trace, first.parent, first.start, first.end) == (TRACE, root.id, STARTED, STARTED + S)
    assert first.attributes == {
        "lifesign.checkpoint.name": "started",
        "lifesign.checkpoint.number": 1,
        "lifesign.checkpoint.total": 8,
    }
    assert spans(made)["checkpoint config loaded"].attributes == {"lifesign.checkpoint.name": "config loaded"}
    assert (boot.outcome, boot.duration) == ("complete", 3.0)
    assert boot.telemetry(None, 0) == []


def test_nothing_is_told_while_the_boot_lasts() -> None:
    boot = view(checkpoint("started", 0, 1))
    assert boot.telemetry(None, 0) == []
    assert (boot.outcome, boot.duration) == ("starting", None)
    assert [(one.name, one.end) for one in boot.checkpoints()] == [("started", STARTED + S)]


def test_of_a_process_that_was_attached_to_nobody_saw_the_boot() -> None:
    boot = view(checkpoint("started", 0, 0), over("complete", 3600), attached=True)
    assert (boot.telemetry(None, 0), boot.telemetry("killed", 0)) == ([], [])
    assert (boot.outcome, boot.duration) == ("complete", None)


def test_a_boot_joins_the_trace_that_caused_it() -> None:
    boot = view(over("complete", 1), parent_span="b7ad6b7169203331")
    root = spans(boot.telemetry(None, 0))["boot"]
    assert (root.parent, root.remote_parent) == ("b7ad6b7169203331", True)


def test_a_boot_that_failed_is_an_error_with_a_log_record_for_each_cause() -> None:
    error = {"type": "KeyError", "message": "'x'", "stack": "File ..."}
    boot = view(checkpoint("rules loaded", 0, 1, error=error), over("failed", 2, "Post-conditions failed: a: why"))
    made = boot.telemetry(None, 77)
    root, child = spans(made)["boot"], spans(made)["checkpoint rules loaded"]
    assert (root.error, root.attributes["error.type"]) == ("Post-conditions failed: a: why", "failed")
    assert (child.error, child.attributes["error.type"]) == ("'x'", "KeyError")
    by_event = {log.event: log for log in logs(made)}
    assert set(by_event) == {"lifesign.checkpoint.failed", "lifesign.boot.failed"}
    reported = by_event["lifesign.checkpoint.failed"]
    assert (reported.span, reported.trace, reported.observed) == (child.id, TRACE, 77)
    assert reported.attributes["exception.type"] == "KeyError"
    assert by_event["lifesign.boot.failed"].span == root.id


def test_a_process_that_dies_has_its_open_spans_closed_as_errors() -> None:
    boot = view(checkpoint("started", 0, 1), checkpoint("broker connected", 1, None))
    made = boot.telemetry("killed by SIGKILL", STARTED + 9 * S)
    cut = spans(made)["checkpoint broker connected"]
    assert cut.error == "not finished: killed by SIGKILL"
    assert (cut.start, cut.end) == (STARTED + S, STARTED + 9 * S)
    root = spans(made)["boot"]
    assert root.error == "the boot stopped after checkpoint 'broker connected': killed by SIGKILL"
    assert root.attributes["lifesign.boot.outcome"] == "died"


def test_a_process_that_stopped_as_it_should_has_no_failed_boot() -> None:
    boot = view(checkpoint("started", 0, 1), checkpoint("broker connected", 1, None))
    assert boot.is_waited_for()
    made = boot.telemetry("ended by SIGTERM, as asked", STARTED + 9 * S, excused=True)
    assert logs(made) == []
    assert [span.error for span in spans(made).values()] == [None] * 3
    assert spans(made)["boot"].attributes == {"lifesign.boot.outcome": "starting"}


def test_a_process_that_dies_after_its_boot_does_not_make_the_boot_an_error() -> None:
    boot = view(checkpoint("started", 0, 1), over("complete", 2))
    boot.telemetry(None, 0)
    assert boot.telemetry("killed by SIGKILL", 0) == []


def test_a_block_that_is_open_when_the_boot_times_out_is_an_error_once() -> None:
    boot = view(checkpoint("broker connected", 1, None), over("timed_out", 8, "timed out after 8 s"))
    cut = spans(boot.telemetry(None, 0))["checkpoint broker connected"]
    assert (cut.error, cut.end) == ("not finished: timed out after 8 s", STARTED + 8 * S)
    boot.add(checkpoint("broker connected", 1, 20))
    assert boot.telemetry(None, 0) == []


def test_a_mark_that_turned_into_a_block_is_one_span() -> None:
    boot = view(
        checkpoint("broker", 0, 1, id="1" * 16),
        checkpoint("broker", 1, None, id="1" * 16),
        checkpoint("broker", 1, 3, id="1" * 16),
        over("complete", 4),
    )
    made = spans(boot.telemetry(None, 0))
    assert set(made) == {"checkpoint broker", "boot"}
    assert (made["checkpoint broker"].start, made["checkpoint broker"].end) == (STARTED + S, STARTED + 3 * S)


def test_marks_after_the_boot_follow_as_they_come() -> None:
    boot = view(over("complete", 1))
    boot.telemetry(None, 0)
    boot.add(checkpoint("cache warm", 5, None))
    assert boot.telemetry(None, 0) == []
    boot.add(checkpoint("cache warm", 5, 6))
    assert set(spans(boot.telemetry(None, 0))) == {"checkpoint cache warm"}


def test_a_block_that_is_open_after_the_boot_is_closed_by_death() -> None:
    boot = view(over("complete", 1), checkpoint("cache warm", 5, None))
    boot.telemetry(None, 0)
    boot.add(checkpoint("late", 6, None))
    assert set(spans(boot.telemetry("killed", STARTED + 9 * S))) == {"checkpoint late"}


def test_a_restarted_sidecar_tells_the_same_trace_or_only_what_is_new() -> None:
    records = [checkpoint("started", 0, 1), over("complete", 2)]
    assert view(*records).telemetry(None, 5) == view(*records).telemetry(None, 5)
    again = BootView(identity(), KEY, exported=True)
    for record in records:
        again.add(record, emitted=True)
    again.add(checkpoint("cache warm", 5, 6))
    assert set(spans(again.telemetry(None, 0))) == {"checkpoint cache warm"}


@pytest.mark.parametrize("synthetic", [True, False])
def test_synthetic_checkpoints_are_tagged(synthetic: bool) -> None:
    boot = view(checkpoint("x", 0, 1, synthetic=synthetic), over("complete", 2))
    tagged = spans(boot.telemetry(None, 0))["checkpoint x"].attributes.get("user_agent.synthetic.type")
    assert tagged == ("test" if synthetic else None)


@pytest.mark.parametrize("died", [None, "killed by SIGKILL"])
def test_what_is_known_of_the_cause_is_in_its_record(died: str | None) -> None:
    asked: list[str] = []

    def known(said: str) -> Details:
        asked.append(said)
        return Details("it waits in connect", {"lifesign.cause": "boot-waits"})

    boot = view(checkpoint("started", 0, 1), *([] if died else [over("timed_out", 8, "timed out after 8 s")]))
    (log,) = logs(boot.telemetry(died, STARTED + 9 * S, known))
    assert log.body.endswith(f"{asked[0]}; it waits in connect")
    assert log.attributes["lifesign.cause"] == "boot-waits"
    assert asked == [died or "timed out after 8 s"]
    assert spans(boot.telemetry(died, STARTED + 9 * S, known)) == {}


def test_of_too_many_checkpoints_the_first_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boot_module, "_CHECKPOINTS_MAX", 1)
    boot = view(checkpoint("first", 0, 1), checkpoint("second", 1, 2), checkpoint("first", 0, 3), over("complete", 4))
    made = spans(boot.telemetry(None, STARTED + 5 * S))
    assert sorted(made) == ["boot", "checkpoint first"]
    assert made["checkpoint first"].end == STARTED + 3 * S  # the newest that is known of it


def test_a_checkpoint_took_its_own_time_or_that_since_the_one_before() -> None:
    boot = view(
        checkpoint("started", 0.5, 0.5),
        checkpoint("database", 1, 4),
        checkpoint("cache", 2, 3),  # meanwhile
        checkpoint("ready", 4.5, 4.5),
        checkpoint("broker", 5, None),
        over("complete", 5),
    )
    took = [(one.name, one.took) for one in boot.checkpoints()]
    assert took == [("started", 0.5), ("database", 3.0), ("cache", 1.0), ("ready", 0.5), ("broker", None)]
