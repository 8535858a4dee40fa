"""What `lifesign top` shows, and what its keys do; no terminal is needed for that."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from lifesign.cli.processes.keys import names
from lifesign.cli.processes.screen import Screen
from lifesign.cli.processes.table import Row
from lifesign.watch.telemetry import CauseReading, UsageReading
from support.made.boards import snapshot
from support.rows import rows


def row(pid: int, state: str = "healthy", cpu: float = 0.0, memory: int = 0, **changes: Any) -> Row:
    usage = UsageReading(user=cpu * 10, memory=memory)
    return Row(snapshot(f"{pid}-0badcafe", state, usage=usage, **changes), cpu, 0.004)


WORK = row(1, cpu=0.9, memory=10, service="orders", tasks=5)
STUCK = row(2, "blocked", memory=30, service="billing", causes=(CauseReading("blocking", "it waits in x", "", "", 0),))
GONE = row(3, "dead", service="orders")


def screen(*found: Row) -> Screen:
    made = Screen()
    made.update(found or (WORK, STUCK, GONE))
    return made


def pids(of: Screen) -> list[int]:
    return [row.snapshot.pid for row in of.shown()]


def drawn(of: Screen, width: int = 120, height: int = 24) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, height=height)
    console.print(of, end="", height=height)
    return out.getvalue().split("\n")


def press(of: Screen, *keys: str) -> str:
    return [of.press(key) for key in keys][-1]


def test_who_is_well_keeps_its_place_whenever_it_has_beaten() -> None:
    cause = (CauseReading("task-died", "task consumer died", "", "", 0),)
    well = row(1, beat_age=0.1), row(2, beat_age=0.3), row(3, causes=cause)
    assert pids(screen(*well, row(4, "blocked", beat_age=3.0), row(5, "blocked", beat_age=9.0))) == [5, 4, 3, 1, 2]


def test_the_worst_comes_first_and_s_goes_through_the_orders() -> None:
    of = screen()
    assert pids(of) == [3, 2, 1]
    seen = []
    for _ in range(7):
        press(of, "s")
        seen.append((drawn(of)[0].split()[-1], pids(of)[0]))
    assert seen == [("cpu", 1), ("memory", 2), ("tasks", 1), ("delay", 1), ("up", 1), ("pid", 1), ("worst", 3)]
    press(of, "S")
    assert pids(of) == [1, 2, 3]


def test_a_filter_is_typed_and_taken_back() -> None:
    of = screen()
    press(of, "/", *"billx", "backspace")
    assert drawn(of)[-1] == "filter: bill_"
    press(of, "i", "enter")
    assert pids(of) == [2]
    press(of, "escape", "/", *"bloc", "enter")
    assert (pids(of), "1 match bloc" in drawn(of)[0]) == ([2], True)
    press(of, "/", *"xyz", "enter")
    assert any("nothing matches 'blocxyz'" in line for line in drawn(of))
    press(of, "/", "escape")
    assert pids(of) == [3, 2, 1]


@rows(
    ("keys", "marked"),
    [([], 3), (["j"], 2), (["down", "down"], 1), (["G"], 1), (["end", "up"], 2), (["G", "g"], 3), (["page down"], 1)],
)
def test_which_process_is_marked(keys: list[str], marked: int) -> None:
    of = screen()
    for key in keys:
        of.press(key)
    chosen = of.selected()
    assert chosen is not None
    assert chosen.snapshot.pid == marked


@rows(
    ("key", "wanted"), [("q", "quit"), ("ctrl-c", "quit"), ("w", "why"), ("enter", "why"), ("d", "dump"), ("i", "info")]
)
def test_what_is_asked_for(key: str, wanted: str) -> None:
    assert screen().press(key) == wanted


def test_a_text_is_scrolled_and_left() -> None:
    of = screen()
    of.show("dump desk.py 2", [Text(f"line {number}") for number in range(100)])
    first = drawn(of, height=12)
    assert (first[0], first[1], len(first)) == ("dump desk.py 2  91 more lines", "line 0", 12)
    press(of, "j", " ")
    assert drawn(of, height=12)[1] == "line 9"
    press(of, "G", "k")
    assert drawn(of, height=12)[1] == "line 91"
    assert press(of, "q") == "quit"
    press(of, "escape")
    assert drawn(of)[0].startswith("lifesign top  3 processes  1 blocked  1 dead  1 healthy  by worst")
    press(of, "?")
    assert any("what it uses" in line for line in drawn(of))


def test_nobody_is_watched_yet_and_it_was_paused() -> None:
    of = screen()
    of.update([])
    assert press(of, "j", "w") == "why"
    assert of.selected() is None
    press(of, "p")
    of.note = "nothing of yours is watched: there is no run directory"
    shown = drawn(of)
    assert shown[0] == "lifesign top  0 processes  by worst  paused"
    assert any("no process is watched yet" in line for line in shown)
    assert shown[-1] == of.note


@rows(("width", "height"), [(40, 10), (60, 24), (80, 24), (200, 50)])
def test_it_fits_any_terminal(width: int, height: int) -> None:
    shown = drawn(screen(), width, height)
    assert len(shown) == height
    assert max(map(len, shown)) <= width
    assert [line.split()[0] for line in shown[3:6]] == ["3", "2", "1"]


def test_of_the_marked_one_the_cause_is_below_and_of_many_the_marked_page_is_shown() -> None:
    assert "  it waits in x" in [line.rstrip() for line in drawn(screen(STUCK, WORK))]
    of = screen(*(row(pid) for pid in range(100, 200)))
    press(of, "G")
    shown = drawn(of)
    assert (shown[-2].split()[0], len(shown)) == ("199", 24)


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("ab", ["a", "b"]),
        ("\x1b", ["escape"]),
        ("\x1b[Aj\x1b[6~\x1bOB", ["up", "j", "page down", "down"]),
        ("\r\x7f\x03", ["enter", "backspace", "ctrl-c"]),
        ("\x1b[200~x\x01", ["x"]),
        ("\x1b[", []),
    ],
)
def test_the_names_of_keys(sent: str, keys: list[str]) -> None:
    assert list(names(sent)) == keys
