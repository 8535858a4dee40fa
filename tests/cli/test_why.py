"""``lifesign why``: the verdict, the cause below it, and what shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

from lifesign.cli.processes.explained import lines
from lifesign.cli.why import to_json
from lifesign.watch.telemetry import CauseReading, EventReading
from support.commands import processes
from support.made.boards import snapshot
from support.made.dumps import answer, frame, group

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


def test_of_one_that_is_healthy_and_promises_nothing_what_has_waited_for_long_is_said() -> None:
    waits = [
        ("Semaphore", "Desk.pool", "0 free", "acquire", 4, 9.0),
        ("StreamReader", "", "server at port 5432", "read", 1, 7.0),
        ("StreamReader", "", "server at port 6379", "read", 1, 0.3),  # it has asked just now
        ("Event", "ends", "not set", "wait", 1, 99.0),  # as a service waits for its end
    ]
    groups = [
        group(at, count, f"task{at}", waited_most=age, waited_least=age) for at, (*_, count, age) in enumerate(waits)
    ]
    primitives = tuple(
        {
            "index": at, "type": type_, "name": name, "state": state, "how": how, "place": frame("work", 9),
            "waiting": [{"group": at, "count": count}], "holders": [], "held": None,
        }
        for at, (type_, name, state, how, count, _) in enumerate(waits)
    )  # fmt: skip
    asked = answer(*groups)
    assert asked.whole is not None
    asked = asked._replace(whole=asked.whole._replace(primitives=primitives))
    healthy = snapshot(state="healthy", why="the event loop beats", events=())
    waits_long = "1 x task1 waits (shop.py:11, for 7 s) for it, without a timeout"
    assert [line.plain for line in lines(healthy, asked)][2:] == [
        "  if it does not do what it should, this may be why:",
        "    the Semaphore Desk.pool is used up (0 free): 4 x task0 wait (shop.py:10, for 9 s)",
        f"    probably the server at port 5432 sends nothing: {waits_long}",
    ]


def test_one_that_was_stopped_says_how_it_goes_on() -> None:
    seen = snapshot(state="frozen", why="no Python code has run for 22.4 s: stopped by a signal")
    assert shown(seen)[1:] == [f"  it runs on after: kill -CONT {seen.pid}"]


def test_the_cause_is_not_said_twice() -> None:
    seen = snapshot(state="degraded", why=DEADLOCK.sentence, causes=(DEADLOCK,))
    assert shown(seen)[0].endswith("  degraded")
    assert [DEADLOCK.sentence in line for line in shown(seen)] == [False, True, False]


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


def test_a_time_to_wait_that_is_none_is_refused(cli: Callable[..., Any], main: Callable[..., Any], run: Path) -> None:
    main()
    code, out, err = cli("why", "--timeout", "-1", "--dir", str(run))
    assert (code, out) == (3, "")
    assert "--timeout wants a number of seconds above 0" in err
