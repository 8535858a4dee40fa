"""``lifesign stalls``: a table of what stalls loops, the stacks below it, and the same as JSON."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import pytest
from rich.console import Console

from lifesign.cli.stalls import parts
from lifesign.watch import once
from lifesign.watch.emit.stalls.culprits import Culprits, busy_reading
from support.commands import processes
from support.made.boards import snapshot
from support.made.stalls import DUMPS, HANDLE, NOON, RENDER, S, busy, culprit, stack, totals

LIBRARY = {"function": "run", "file": "/usr/lib/python3.11/asyncio/runners.py", "line": 118}


def rows(*records: Any) -> Any:
    culprits = Culprits()
    for record in records:
        culprits.take(record)
    return culprits.rows()


def shown(seen: Any, width: int = 200) -> list[str]:
    console = Console(width=width, force_terminal=False, record=True, markup=False)
    with console.capture() as captured:
        for part in parts(seen, lambda file, line: f"line {line} of it", NOON, width):
            console.print(part, crop=False)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_a_table_with_the_worst_first_and_the_stack_of_the_users_code() -> None:
    first = culprit(stacks=[stack(LIBRARY, HANDLE, RENDER, DUMPS)], task="order-7", coroutine="Desk.serve", ago=3.0)
    second = culprit(2, 3, 1.0, 0.5, what="gc", place=None, computing=0.98, stacks=[], ago=70)
    lines = shown(
        snapshot(
            conditions=("stalling",), utilization=0.34, stalls=rows(second, first, totals(others=2, others_total=0.4))
        )
    )
    assert lines[0] == "orders.py 12  healthy, stalling; its event loop works 34% of the time"
    table = [line.split("  ") for line in lines[1:7]]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in table]
    assert cells[0] == ["WHERE", "WHAT", "COUNT", "TOTAL", "WORST", "LAST", "CPU", "TASK"]
    assert cells[2] == [
        "render app.py:8", "call", "14", "5.20s", "1.20s", "3.0s ago", "100%", "order-7 (Desk.serve)",
    ]  # fmt: skip
    assert cells[3] == ["gc", "3", "1.00s", "0.50s", "1m 10s ago", "98%"]
    assert cells[4] == ["others", "2", "0.40s", "0.0s ago"]
    assert lines[6:] == [
        "",
        "  render app.py:8, 1.2s at worst",
        '    File "/srv/shop/app.py", line 20, in handle',
        "      line 20 of it",
        '    File "/srv/shop/app.py", line 8, in render',
        "      line 8 of it",
        "    ... 1 frame of libraries: dumps (__init__.py:231)",
    ]


def test_in_a_narrow_terminal_the_place_and_the_numbers_are_left() -> None:
    lines = shown(snapshot(stalls=rows(culprit(stacks=[], task="order-7"))), 60)
    assert lines[1].split() == ["WHERE", "COUNT", "TOTAL", "WORST"]
    assert lines[3].split() == ["render", "app.py:8", "14", "5.20s", "1.20s"]
    assert max(map(len, lines)) <= 60


@pytest.mark.parametrize(
    ("changes", "where", "what"),
    [
        ({"what": "quota", "place": None}, "the CPU quota was used up", "quota"),
        ({"thread": "rows_0"}, "render app.py:8", "call, the GIL held by thread rows_0"),
        ({"place": {"function": "Desk.load", "file": "", "line": 0}}, "Desk.load", "call"),
        ({"place": None}, "code without a Python frame", "call"),
        ({"what": "callbacks"}, "render app.py:8", "callbacks"),
    ],
)
def test_what_it_was(changes: dict[str, Any], where: str, what: str) -> None:
    line = shown(snapshot(stalls=rows(culprit(stacks=[], **changes))))[3]
    assert [cell.strip() for cell in line.split("  ") if cell.strip()][:2] == [where, what]


def test_a_busy_loop_comes_with_its_stack_and_no_stall_is_said() -> None:
    lines = shown(snapshot(conditions=("busy",), busy=(busy_reading(busy()),), uptime=90.0))
    assert lines[1] == "  busy: 98% of a core, 39 of 40 samples in render app.py:8"
    assert lines[2] == '    File "/srv/shop/app.py", line 20, in handle'
    assert lines[-1] == "  no stall in 1m 30s"


@pytest.mark.parametrize("past", [[], [culprit()]])
def test_a_stall_that_lasts_is_no_lack_of_stalls(past: list[Any]) -> None:
    lines = shown(snapshot(state="blocked", why="the event loop has not turned for 9.1 s", stalls=rows(*past)))
    assert lines[1].startswith(
        "  a stall lasts, and is counted when it is over: the event loop has not turned for 9.1 s"
    )
    assert not any("no stall" in line for line in lines)
    assert any("WHERE" in line for line in lines) == bool(past)


def test_what_a_hostile_pulse_says_is_escaped() -> None:
    bad = {"function": "f\x1b[2J", "file": "/x\n\u202e.py", "line": 3}
    lines = shown(snapshot(stalls=rows(culprit(place=bad, thread="\x1b", task="\x07", stacks=[stack(bad)]))))
    assert not [character for character in "".join(lines) if character in "\x1b\x07\u202e"]


def test_from_a_pulse(
    cli: Callable[..., Any], main: Callable[..., Any], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = main()
    service.beat(age=1.0, cpu=2.0)
    service.pulse.ring.append({**culprit(), "last": time.time_ns() - 3 * S})
    monkeypatch.setattr(once, "time", SimpleNamespace(sleep=lambda _: service.beat(cpu=2.25)))
    code, out, err = cli("stalls", "--json", "--dir", str(run))
    assert (code, err) == (0, "")
    (made,) = processes(out)
    assert (made["pid"], made["state"], made["busy"]) == (4242, "healthy", [])
    assert 0.01 < made["utilization"] < 0.26
    (stall,) = made["stalls"]
    assert (stall["function"], stall["count"], stall["total"]) == ("render", 14, 5.2)
    assert [frame["function"] for frame in stall["stacks"][0]["stack"]] == ["handle", "render"]
    code, out, err = cli("stalls", "--dir", str(run))
    assert (code, err) == (0, "")
    assert "render app.py:8" in out


def test_stacks_are_written_for_speedscope(
    cli: Callable[..., Any], main: Callable[..., Any], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = main()
    service.pulse.ring.append({**culprit(stacks=[stack(HANDLE, RENDER, seconds=2.0)]), "last": time.time_ns()})
    service.pulse.ring.append({**culprit(2, stacks=[stack(HANDLE, seconds=1.0)]), "last": time.time_ns()})
    service.pulse.ring.append({**busy(), "since": time.time_ns(), "at": time.time_ns()})
    monkeypatch.setattr(once, "time", SimpleNamespace(sleep=lambda _: None))
    file = tmp_path / "stalls.json"
    code, out, err = cli("stalls", "--speedscope", str(file), "--dir", str(run))
    assert (code, err) == (0, "")
    assert out.strip() == f"{file}: 2 flame graphs; open it at https://www.speedscope.app"
    written = json.loads(file.read_text())
    assert [profile["name"].split(": ")[1] for profile in written["profiles"]] == ["stalls", "loop 0 spins"]
    assert sorted(written["profiles"][0]["weights"]) == [1 * S, 2 * S]
    code, _, err = cli("stalls", "--speedscope", str(tmp_path), "--dir", str(run))
    assert code == 3
    assert f"{tmp_path} cannot be written: Is a directory" in err


def test_status_and_why_say_that_a_loop_is_busy(cli: Callable[..., Any], main: Callable[..., Any], run: Path) -> None:
    service = main()
    service.pulse.ring.append({**busy(), "since": time.time_ns(), "at": time.time_ns()})
    code, out, _ = cli("status", "--dir", str(run))
    assert code == 0
    assert "healthy (busy)" in out
    assert "healthy" in out.split(), "the state is a word of its own"
    assert "cause: busy: 98 % of a core, 39 of 40 samples in render (app.py:8)" in out
    service.pulse.ring.append({**busy(samples=0, in_place=0, place=None, stacks=[]), "at": time.time_ns()})
    code, out, _ = cli("why", "--timeout", "0.01", "--dir", str(run))
    assert (code, "busy" in out) == (0, False)


def test_a_process_that_is_not_there(
    cli: Callable[..., Any], main: Callable[..., Any], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "MEASURED_SECONDS", 0.0)
    main()
    code, _, err = cli("stalls", "7", "--dir", str(run))
    assert code == 1
    assert "no process 7 is watched" in err
