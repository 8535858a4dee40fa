"""The board shows the newest snapshots and says what has changed, in bounded time and space."""

from __future__ import annotations

from typing import Any

import pytest

from lifesign.serve import board as board_module
from lifesign.serve.board import KEEP_GONE, KEEP_GONE_S, SPARK_S, STRIP, Board, ShownProcess, StripBar
from lifesign.serve.detail import detail
from lifesign.serve.shown.rows import VerdictView
from lifesign.watch.sources import no_source
from lifesign.watch.telemetry import CauseReading, PostconditionReading, Resource
from support.made.boards import log, snapshot, span
from support.made.dumps import dumped, group
from support.rows import rows


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def keys(board: Board) -> list[str]:
    return [row.key for row in board.rows()[0]]


def shown(board: Board, key: str = "12-0badcafe") -> ShownProcess:
    found = board.shown(key)
    assert found is not None
    return found


def test_an_empty_board_shows_nothing_and_has_no_poll_age() -> None:
    board = Board()
    assert board.rows() == ([], [], True)
    assert board.watched() == ()
    assert board.poll_age() is None
    assert board.shown("12-0badcafe") is None
    assert board.verdict() == VerdictView("neutral", "no process", 0, 0, ready=False, live=True)


def test_the_age_of_the_poll_is_measured_on_its_clock() -> None:
    clock = Clock()
    board = Board(clock)
    board.update([])
    clock.now += 2.5
    assert board.poll_age() == 2.5


def test_only_rows_that_have_changed_are_new() -> None:
    board = Board()
    board.update([snapshot("1-a"), snapshot("2-b")])
    first = board.version
    board.update([snapshot("1-a", tasks=7, beats=900, uptime=90.0), snapshot("2-b")])
    assert board.version == first, "what grows by itself is no change"
    assert board.rows(first) == ([], [], False)
    board.update([snapshot("1-a"), snapshot("2-b", "silent")])
    rows_, gone, whole = board.rows(first)
    assert ([(row.key, row.state) for row in rows_], gone, whole) == ([("2-b", "silent")], [], False)
    assert len(board.rows()[0]) == 2


@rows(
    "changes",
    [
        {"why": "another"},
        {"failing": 1},
        {"conditions": ("busy",)},
        {"causes": (CauseReading("w", "sentence", "", "", 0),)},
        {"postconditions": (PostconditionReading("db", False, True, "no"),)},
    ],
)
def test_whatever_is_in_a_row_makes_it_new(changes: dict[str, Any]) -> None:
    board = Board()
    board.update([snapshot()])
    before = board.version
    board.update([snapshot(**changes)])
    assert board.version == before + 1


def test_a_row_says_since_when_its_state_lasts_and_when_the_process_began() -> None:
    wall = Clock()
    wall.now = 1000.0
    board = Board(wall=wall)
    board.update([snapshot(uptime=60.0)])
    wall.now = 1010.0
    board.update([snapshot(state="silent", uptime=70.04)])
    wall.now = 1020.0
    board.update([snapshot(state="silent", uptime=80.0, why="later")])
    (row,) = board.rows()[0]
    assert (row.since, row.began) == (1_010_000, 940_000)


def test_the_strip_keeps_the_worst_delay_of_each_of_the_newest_polls() -> None:
    board = Board()
    for number in range(STRIP + 30):
        board.update([snapshot(new_delays=(0.001, number / 1000, 0.0))])
    strip = shown(board).strip
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
def test_a_poll_without_a_beat_says_how_late_an_overdue_one_is(
    state: str, beat_age: float, delay: float | None
) -> None:
    board = Board()
    board.update([snapshot(state=state, beat_age=beat_age, heartbeat_timeout=3.0, new_delays=())])
    assert list(shown(board).strip) == [StripBar(delay, state)]


@rows(
    ("delay", "state", "mark"),
    [
        (0.0005, "healthy", "0"),
        (0.001, "healthy", "0"),
        (0.0015, "healthy", "1"),
        (0.05, "healthy", "6"),
        (0.9, "healthy", "9"),
        (30.0, "healthy", "9"),
        (None, "healthy", "-"),
        (4.0, "blocked", "B"),
        (4.0, "frozen", "F"),
        (None, "dead", "D"),
        (None, "stopped", "."),
    ],
)
def test_a_sparkline_has_one_character_for_two_seconds(delay: float | None, state: str, mark: str) -> None:
    clock = Clock()
    board = Board(clock)
    seen = [snapshot("1-a", state, new_delays=(delay,) if delay else (), beat_age=0.1), snapshot("2-b", tasks=9)]
    board.update(seen)
    assert (board.beats, board.bars) == (0, "")
    clock.now += SPARK_S
    board.update(seen)
    assert (board.beats, board.bars) == (1, mark + "2")
    assert board.busy == [(1, 4), (2, 9)]
    clock.now += SPARK_S
    board.update(seen)
    assert board.busy == [], "only what has changed"
    assert [row.spark for row in board.rows()[0]] == [mark * 2, "22"]


def test_the_strip_stands_still_once_the_process_ended() -> None:
    board = Board()
    for state in ("healthy", "dead", "dead", "dead"):
        board.update([snapshot(state=state, new_delays=())])
    assert [bar.state for bar in shown(board).strip] == ["healthy", "dead"]


def test_a_process_that_is_gone_stays_for_a_day_and_is_not_watched() -> None:
    clock = Clock()
    board = Board(clock)
    board.update([snapshot("1-a", "dead"), snapshot("2-b")])
    board.update([snapshot("2-b")])
    version = board.version
    clock.now += KEEP_GONE_S
    board.update([snapshot("2-b")])
    assert [(row.key, row.watched) for row in board.rows()[0]] == [("1-a", False), ("2-b", True)]
    assert [process.key for process in board.watched()] == ["2-b"]
    assert board.verdict().word == "healthy", "what was replaced is history"
    clock.now += 1
    board.update([snapshot("2-b")])
    assert keys(board) == ["2-b"]
    assert board.rows(version)[1] == ["1-a"], "who knew it is sent that it went"


def test_a_process_that_comes_back_is_watched_again() -> None:
    board = Board()
    for seen in ([snapshot()], [], [snapshot()]):
        board.update(seen)
    assert board.rows()[0][0].watched
    assert len(shown(board).strip) == 2


def test_the_newest_of_the_gone_stay_and_those_that_died_before_those_that_stopped() -> None:
    clock = Clock()
    board = Board(clock)
    ended = [snapshot("0-a", "dead"), *(snapshot(f"{number}-a", "stopped") for number in range(1, KEEP_GONE + 5))]
    board.update(ended)
    for left in range(1, len(ended) + 1):
        clock.now += 1
        board.update(ended[left:])
    kept = {0, *range(len(ended) - KEEP_GONE + 1, len(ended))}
    assert set(keys(board)) == {f"{number}-a" for number in kept}


def test_who_has_missed_too_much_is_sent_everything() -> None:
    board = Board(Clock())
    board.update([snapshot("0-a")])
    known = board.version
    clients = board.rows(known)
    assert not clients[2]
    for number in range(1, 300):
        board.update([snapshot(f"{number}-a", "stopped")])
    assert board.rows(known)[2]


def test_what_happened_is_kept_with_its_process() -> None:
    board = Board()
    board.update([snapshot("1-a"), snapshot("2-b")])
    board.add([Resource("1-a", {"host.name": "here"})], [log("first", "1-a"), log("second", "2-b")])
    assert [entry.text for entry in shown(board, "1-a").history.entries()] == ["first"]
    assert [entry.text for entry in shown(board, "2-b").history.entries()] == ["second"]
    assert shown(board, "1-a").resource == {"host.name": "here"}


def test_signals_may_come_before_the_first_poll_but_not_from_nowhere() -> None:
    board = Board()
    board.add([], [log("early", "1-a"), log("stray", "9-z")])
    assert board.rows()[0] == []
    board.update([snapshot("1-a")])
    assert len(shown(board, "1-a").history.entries()) == 1
    assert keys(board) == ["1-a"]
    board.update([snapshot("1-a"), snapshot("9-z")])
    assert shown(board, "9-z").history.entries() == []


def test_all_histories_together_are_bounded_and_the_biggest_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "BYTES", 50_000)
    board = Board()
    board.update([snapshot("0-a"), snapshot("1-a"), snapshot("2-a")])
    board.add([], [log("small", "0-a")])
    for key in ("1-a", "2-a"):
        board.add([], [log("x" * 1_900 + str(number), key) for number in range(20)])
    kept = {key: len(shown(board, key).history.entries()) for key in ("0-a", "1-a", "2-a")}
    # About 2,100 bytes each: the first 20 fit, 40 do not, nor do 30: both of the big ones give up half.
    assert kept == {"0-a": 1, "1-a": 10, "2-a": 10}


def test_the_dumps_of_who_is_gone_take_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    board = Board(clock)
    ended = [snapshot(f"{number}-a", "dead", dump=dumped(group(0, 1, "work"), id=f"d{number}")) for number in range(4)]
    board.update(ended)
    board.update(ended[:3])
    size = shown(board, "3-a").dumps.packed
    assert [one.dumps.packed > 0 for one in board.all_shown()] == [False, False, False, True]
    monkeypatch.setattr(board_module, "DUMPS_BYTES", 2 * size + size // 2)
    for left in (2, 1, 0):
        clock.now += 1
        board.update(ended[:left])
    views = [one.dumps.view(no_source) for one in board.all_shown()]
    assert [view.id if view is not None else "" for view in views] == ["d0", "d1", "", ""]
    assert [one.snapshot.dump for one in board.all_shown() if one.snapshot is not None] == [None] * 4


def test_the_stack_of_an_illness_that_has_passed_is_not_that_of_the_next_one_but_may_be_that_of_an_end() -> None:
    board = Board()
    board.add([], [log("blocked", attributes={"code.stacktrace": "sleep"}), span(error="blocked for 5.0 s")])
    for state, stack in (("silent", ""), ("dead", "sleep")):
        board.update([snapshot(state=state)])
        process = board.shown("12-0badcafe")
        assert process is not None
        found = detail(process, lambda file, line: [])
        assert found is not None
        assert found.stack == stack


def test_when_its_tasks_were_looked_at_is_known() -> None:
    board = Board()
    for one, looked_at in ((snapshot(), 0), (snapshot(dump=dumped(end=1_500_000_000)), 1_500)):
        board.update([one])
        process = board.shown(one.key)
        assert process is not None
        found = detail(process, lambda file, line: [])
        assert found is not None
        assert found.looked_at == looked_at
