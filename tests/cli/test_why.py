"""``lifesign why``: the verdict, the cause below it, and what shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

from lifesign.cli.processes.explained import lines
from lifesign.cli.why import to_json
from lifesign.watch.telemetry import CauseReading, EventReading
from support.commands import processes
from support.made.boards import snapshot
from support.made.dumps import answer, group

DEADLOCK = CauseReading(
    "deadlock",
    "deadlock: settlement holds the Lock of service.py:158 and waits for the Lock of service.py:164, which audit holds",
    "OrderDesk._settle",
    "/srv/shop/service.py",
    160,
    ("3 x OrderDesk._work wait (service.py:135)",),
)


def shown(seen: Any) -> list[str]:
    return [line.plain for line in lines(seen)]


def test_the_verdict_the_cause_and_what_shows_it() -> None:
    seen = snapshot(state="silent", why="promised event 'order' is late", causes=(DEADLOCK,))
    verdict, *rest = shown(seen)
    assert verdict.endswith("  silent: promised event 'order' is late")
    assert rest == [f"  {DEADLOCK.sentence}", "    3 x OrderDesk._work wait (service.py:135)"]


def test_where_nothing_was_found_it_says_what_it_looked_at_and_what_to_try() -> None:
    seen = snapshot(state="silent", why="promised event 'order' is late")
    looked_at = answer(group(0, 40, "work"), group(1, 1, "main", (0, 40)))
    assert [line.plain for line in lines(seen, looked_at)][1:] == [
        "  no cause was found among its 41 tasks (lifesign dump has more):",
        "    40 x work, shop.py:10, wait for Future",
        "    1 x main, shop.py:11, waits for gather",
    ]
    assert "did not answer" in shown(seen)[1]
    assert "no cause is known" in shown(snapshot(state="frozen", why="GIL held"))[1]


def test_a_healthy_process_that_promises_nothing_is_told_what_it_could_promise() -> None:
    healthy = snapshot(state="healthy", why="the event loop beats", events=())
    assert "LIFESIGN_EVENTS" in shown(healthy)[1]
    event = EventReading("order", 3, 0, 0.1, 2.0)
    assert len(shown(snapshot(state="healthy", why="the event loop beats", events=(event,)))) == 1


def test_what_a_hostile_pulse_says_is_escaped() -> None:
    seen = snapshot(
        state="dead", why="\x1b[2J", causes=(CauseReading("deadlock", "a\nb\x1b]0;", "", "", 0, ("\u202e",)),)
    )
    assert not any(character in "".join(shown(seen)) for character in "\x1b\n\u202e")


def test_as_json() -> None:
    made = to_json(snapshot(state="silent", why="late", causes=(DEADLOCK,)))
    assert made["state"] == "silent"
    assert made["causes"][0]["word"] == "deadlock"
    assert (made["causes"][0]["file"], made["causes"][0]["line"]) == ("/srv/shop/service.py", 160)


def test_a_process_that_does_not_answer_is_judged_by_what_it_wrote(
    cli: Callable[..., Any], main: Callable[..., Any], run: Path
) -> None:
    main()
    code, out, err = cli("why", "--json", "--timeout", "0.01", "--dir", str(run))
    assert (code, err) == (0, "")
    (made,) = processes(out)
    assert (made["pid"], made["state"]) == (4242, "healthy")
    code, out, err = cli("why", "--timeout", "0.01", "--dir", str(run))
    assert (code, err) == (0, "")
    assert out.startswith("desk.py 4242  healthy")


def test_a_process_that_is_not_there(cli: Callable[..., Any], main: Callable[..., Any], run: Path) -> None:
    main()
    code, _, err = cli("why", "7", "--timeout", "0.01", "--dir", str(run))
    assert code != 0
    assert "no process 7 is watched" in err
