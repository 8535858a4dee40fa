"""The board shows the newest snapshots, the worst first, in bounded time and space."""

from __future__ import annotations

import msgspec
import pytest

from lifesign.judge import states
from lifesign.serve import board as board_module
from lifesign.serve.board import KEEP_GONE, KEEP_GONE_S, SHOWN, STRIP, Board, StripBar
from lifesign.watch.telemetry import Resource
from support.made.boards import log, snapshot
from support.rows import rows


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def keys(board: Board) -> list[str]:
    return [view.process.key for view in board.state().processes]


def test_an_empty_board_shows_nothing_and_has_no_poll_age() -> None:
    board = Board()
    assert board.state().processes == []
    assert board.watched() == ()
    assert board.poll_age() is None
    assert board.version == 0


def test_the_age_of_the_look_is_measured_on_its_clock() -> None:
    clock = Clock()
    board = Board(clock)
    board.update([])
    clock.now += 2.5
    assert board.poll_age() == 2.5


def test_every_state_has_a_place_in_the_order() -> None:
    assert set(board_module._ORDER) == set(states.STATES)


def test_the_ill_come_first_and_the_ended_last() -> None:
    board = Board()
    listed = ["healthy", "dead", "blocked", "starting", "silent", "frozen", "degraded", "stopped", "idle"]
    board.update([snapshot(f"{number}-a", state) for number, state in enumerate(listed, 1)])
    assert [view.process.state for view in board.state().processes] == [
        "frozen",
        "blocked",
        "silent",
        "degraded",
        "starting",
        "idle",
        "healthy",
        "dead",
        "stopped",
    ]
    assert board.state().counts == dict.fromkeys(states.STATES, 1)


def test_the_strip_keeps_the_worst_delay_of_each_of_the_newest_polls() -> None:
    board = Board()
    for number in range(STRIP + 30):
        board.update([snapshot(new_delays=(0.001, number / 1000, 0.0))])
    strip = board.state().processes[0].strip
    assert len(strip) == 120
    assert strip[0] == StripBar(0.030, "healthy")
    assert strip[-1] == StripBar(0.149, "healthy")


@rows(
    ("state", "beat_age", "delay"),
    [
        ("healthy", 0.3, None),
        ("healthy", 1.6, 1.6),
        ("blocked", 4.2, 4.2),
        ("frozen", 4.2, 4.2),
        ("starting", 4.2, None),
        ("idle", 4.2, None),
        ("stopped", 4.2, None),
    ],
)
def test_a_look_without_a_beat_tells_how_late_an_overdue_one_is(
    state: str, beat_age: float, delay: float | None
) -> None:
    board = Board()
    board.update([snapshot(state=state, beat_age=beat_age, heartbeat_timeout=3.0, new_delays=())])
    assert board.state().processes[0].strip == [StripBar(delay, state)]


def test_the_strip_stands_still_once_the_process_ended() -> None:
    board = Board()
    for state in ("healthy", "dead", "dead", "dead"):
        board.update([snapshot(state=state, new_delays=())])
    assert [bar.state for bar in board.state().processes[0].strip] == ["healthy", "dead"]


def test_a_process_that_is_gone_stays_for_a_while_and_is_not_watched() -> None:
    clock = Clock()
    board = Board(clock)
    board.update([snapshot("1-a", "dead"), snapshot("2-b")])
    board.update([snapshot("2-b")])
    clock.now += KEEP_GONE_S
    board.update([snapshot("2-b")])
    assert [(view.process.key, view.watched) for view in board.state().processes] == [("2-b", True), ("1-a", False)]
    assert [process.key for process in board.watched()] == ["2-b"]
    assert board.state().counts["dead"] == 0, "the counts are those of the watched ones"
    clock.now += 1
    board.update([snapshot("2-b")])
    assert keys(board) == ["2-b"]


def test_a_process_that_comes_back_is_watched_again() -> None:
    board = Board()
    for seen in ([snapshot()], [], [snapshot()]):
        board.update(seen)
    assert board.state().processes[0].watched
    assert len(board.state().processes[0].strip) == 2


def test_only_the_newest_of_the_gone_stay() -> None:
    clock = Clock()
    board = Board(clock)
    board.update([snapshot(f"{number}-a") for number in range(KEEP_GONE + 5)])
    for left in range(KEEP_GONE + 5):
        clock.now += 1
        board.update([snapshot(f"{number}-a") for number in range(left + 1, KEEP_GONE + 5)])
    assert sorted(keys(board)) == sorted(f"{number}-a" for number in range(5, KEEP_GONE + 5))


def test_what_happened_is_kept_with_its_process() -> None:
    board = Board()
    board.update([snapshot("1-a"), snapshot("2-b")])
    before = board.version
    board.add([Resource("1-a", {"host.name": "here"})], [log("first", "1-a"), log("second", "2-b")])
    assert board.version > before
    shown = {view.process.key: view for view in board.state().processes}
    assert [msgspec.json.decode(raw)["text"] for raw in shown["1-a"].timeline] == ["first"]
    assert [msgspec.json.decode(raw)["text"] for raw in shown["2-b"].timeline] == ["second"]
    assert shown["1-a"].resource == {"host.name": "here"}


def test_signals_may_come_before_the_first_look_but_not_from_nowhere() -> None:
    board = Board()
    board.add([], [log("early", "1-a"), log("stray", "9-z")])
    assert board.state().processes == []
    board.update([snapshot("1-a")])
    assert len(board.state().processes[0].timeline) == 1
    assert len(board._processes) == 1


def test_all_histories_together_are_bounded_and_the_biggest_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "BYTES", 50_000)
    board = Board()
    board.update([snapshot("0-a"), snapshot("1-a"), snapshot("2-a")])
    board.add([], [log("small", "0-a")])
    for key in ("1-a", "2-a"):
        board.add([], [log("x" * 1_900 + str(number), key) for number in range(20)])
    kept = {view.process.key: len(view.timeline) for view in board.state().processes}
    # About 2,000 bytes each: the first 20 fit, 40 do not, nor do 30: both of the big ones give up half.
    assert kept == {"0-a": 1, "1-a": 10, "2-a": 10}


def test_the_state_names_at_most_a_hundred_processes_and_counts_all() -> None:
    board = Board()
    board.update([snapshot(f"{number}-a") for number in range(SHOWN + 20)] + [snapshot("999-z", "silent")])
    state = board.state()
    assert len(state.processes) == 100
    assert state.hidden == 21
    assert state.processes[0].process.key == "999-z"
    assert state.counts["healthy"] == 120
    assert state.counts["silent"] == 1
