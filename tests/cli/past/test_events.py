"""`lifesign events`: what a sidecar knows of what happened to a process, and what the process has kept of it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lifesign import semconv
from lifesign.cli.past import events
from lifesign.cli.past.happenings import Happening, Happenings
from lifesign.cli.sidecar.histories import ProcessHistory
from lifesign.serve.shown.history import HistoryEntry
from lifesign.watch.once import Sighting
from lifesign.watch.process import Poll
from lifesign.watch.telemetry import CheckpointReading, Log, Telemetry
from support.made.boards import NOON, SECOND, snapshot, span
from support.mainprocess import LockHolder, Main
from support.rows import rows

ALONE = "lifesign: no sidecar answers in {}: this is what the processes have kept themselves\n"


def log(event: str, at: int, body: str = "it is late") -> Log:
    return Log("12-0badcafe", f"{event}-{at}", event, at, at, 17, body)


def test_checkpoints_records_and_periods_in_their_order_and_each_once() -> None:
    seen = snapshot(
        checkpoints=(
            CheckpointReading("config", 9, NOON, NOON + 1, None),
            CheckpointReading("broker", 10, NOON, NOON + 2, "refused"),
            CheckpointReading("open", 11, NOON, None, None),
        )
    )
    written = [log(semconv.LOG_SILENCE, NOON + SECOND), log(semconv.LOG_TASK_GROUP, NOON), log("lifesign.x", NOON - 9)]
    happenings = Happenings()
    found = happenings.new([Sighting("/run", Poll(seen, [*written]))])
    assert [(one.event, one.title, one.text) for one in found] == [
        ("x", "x", "it is late"),
        ("checkpoint", "Checkpoint config", ""),
        ("checkpoint", "Checkpoint broker", "refused"),
        ("silence", "Silent", "it is late"),
    ]
    assert happenings.new([Sighting("/run", Poll(seen, []))]) == []


def test_a_block_is_told_again_once_it_is_over_and_dumps_in_a_row_only_once() -> None:
    seen, happenings = snapshot(), Happenings()

    def titles(*written: Telemetry) -> list[tuple[str, int]]:
        return [(one.title, one.times) for one in happenings.new([Sighting("/run", Poll(seen, [*written]))])]

    assert titles(log(semconv.LOG_BLOCKED, NOON)) == [("Loop blocked", 1)]
    assert titles(span(start=NOON, end=NOON + 5 * SECOND)) == [("Loop blocked 5.0 s", 1)]
    assert titles(log(semconv.LOG_TASK_DUMP, NOON)) == [("Task dump", 1)]
    assert titles(log(semconv.LOG_TASK_DUMP, NOON + SECOND)) == [("Task dump", 2)]
    assert titles(log(semconv.LOG_TASK_DUMP, NOON + 2 * SECOND)) == []


def test_what_the_sidecar_tells_goes_before_what_the_process_has_kept() -> None:
    def entry(at: int, event: str, text: str) -> HistoryEntry:
        return HistoryEntry(1, at // 1_000_000, 17, event, "", text, "")

    remembered = [
        ProcessHistory(
            "12-0badcafe",
            12,
            "orders",
            "orders.py",
            (entry(NOON + 4 * SECOND, "lifesign.degraded", "b"), entry(NOON + 2 * SECOND, semconv.LOG_SILENCE, "late")),
        ),
        ProcessHistory("13-0badcafe", 13, "gone", "gone.py", (entry(NOON, semconv.LOG_DIED, "killed"),)),
    ]
    kept = [
        log("lifesign.x", NOON + SECOND, "old"),
        log(semconv.LOG_SILENCE, NOON + SECOND, "late"),  # the sidecar counts it with a later one
        log("lifesign.x", NOON + 3 * SECOND, "known to the sidecar by another name"),
    ]
    found = Happenings().new([Sighting("/run", Poll(snapshot(), [*kept]))], remembered)
    assert [(one.pid, one.text) for one in found] == [(13, "killed"), (12, "old"), (12, "late"), (12, "b")]


def test_of_a_process(cli: Callable[..., Any], main: Callable[..., Main], run: Path) -> None:
    main().beat(age=1000.0, watchdog_age=0.0)
    code, out, err = cli("events", "--dir", str(run))
    assert (code, err) == (0, ALONE.format(run))
    assert "desk.py 4242  Loop blocked: the event loop has not turned for " in out.splitlines()[-1]
    content = json.loads(cli("events", "--json", "--dir", str(run)).out)
    (*_, newest) = content["events"]
    assert content["sidecar"] is False
    assert (newest["event"], newest["pid"], newest["severity"]) == ("eventloop.blocked", 4242, 17)
    assert len(cli("events", "--lines", "1", "--dir", str(run)).out.splitlines()) == 1


def steps(first: Callable[[], None]) -> Callable[[float], None]:
    """What happens in each sleep; Ctrl-C comes in the second."""
    left = [first]

    def sleep(_: float) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop()()

    return sleep


def test_it_follows(
    cli: Callable[..., Any], main: Callable[..., Main], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = main()
    blocked = partial(service.beat, age=1000.0, watchdog_age=0.0)
    monkeypatch.setattr(events.time, "sleep", steps(blocked))
    code, out, _ = cli("events", "--follow", "--json", "--dir", str(run))
    assert code == 130
    (*_, newest) = [json.loads(line) for line in out.splitlines()]
    assert (newest["schema"], newest["event"]) == (1, "eventloop.blocked")


def test_it_follows_into_the_next_run(
    cli: Callable[..., Any],
    main: Callable[..., Main],
    run: Path,
    holder: LockHolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main()
    places, following = [str(run)], tmp_path / "next"
    following.mkdir()
    begun = Main(following, holder, "4343-00000002", pid=4343)
    begun.beat(age=1000.0, watchdog_age=0.0)
    monkeypatch.setattr("lifesign.cli.supervise.rundirectory.found", lambda _: [places[:]])
    monkeypatch.setattr(events.time, "sleep", steps(lambda: places.__setitem__(0, str(following))))
    code, out, _ = cli("events", "--follow")
    begun.pulse.close()
    assert (code, "desk.py 4343  Loop blocked" in out) == (130, True)


def test_a_terminal_has_the_reason_on_lines_of_its_own() -> None:
    out = io.StringIO()
    happened = Happening(NOON, "k", 7, "shop", "silence", 13, "Silent", "no order for 9 s", None, 3)
    events._print([happened], Console(file=out, force_terminal=True, no_color=True, width=40), as_json=False)
    first, second = out.getvalue().splitlines()
    assert "shop 7  " in first
    assert "Silent (3 times)" in first
    assert second.replace("\x1b[2m", "").replace("\x1b[0m", "").rstrip() == "          no order for 9 s"


def test_of_who_is_gone_the_sidecar_knows(cli: Callable[..., Any], run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = HistoryEntry(1, NOON // 1_000_000, 21, semconv.LOG_DIED, "Process died", "killed by SIGKILL", "")
    heard = [ProcessHistory("4-0badcafe", 4, "shop", "shop.py", (known,))]
    monkeypatch.setattr("lifesign.cli.past.remembered.remembered", lambda _: heard)
    for which in ((), ("4",), ("shop",)):
        code, out, err = cli("events", "--dir", str(run), *which)
        assert (code, out.split("  ", 1)[1], err) == (0, "shop 4  Process died: killed by SIGKILL\n", "")
    assert cli("events", "--dir", str(run), "5").code == 1


@rows(("argv", "code"), [(["--lines", "0"], 3), (["999999999"], 1)])
def test_what_cannot_be(cli: Callable[..., Any], run: Path, argv: list[str], code: int) -> None:
    assert cli("events", "--dir", str(run), *argv).code == code


def test_a_time_that_no_clock_shows_is_printed_all_the_same(
    cli: Callable[..., Any], main: Callable[..., Main], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main()
    entries = tuple(HistoryEntry(1, at, 17, "x", f"at {at}", "", "") for at in (-(10**30), 10**30))
    known = [ProcessHistory("12-0badcafe", 12, "orders", "orders.py", entries)]
    monkeypatch.setattr("lifesign.cli.past.remembered.remembered", lambda _: known)
    code, out, _ = cli("events", "--dir", str(run))
    assert (code, out.count("orders 12  at ")) == (0, 2)
