"""`lifesign status` says what the sidecar would say."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from lifesign.cli.output.terminal import console, duration
from lifesign.cli.status import render, to_json
from lifesign.watch.telemetry import CheckpointReading, EventReading, PostconditionReading, Snapshot
from lifesign.wire import layout
from support.made.answers import answering
from support.made.dumps import answer, frame, group
from support.mainprocess import Main
from support.rows import rows

ILL = Snapshot(
    key="7-0123abcd",
    pid=7,
    command="app\x1b[2J.py",
    service="orders",
    instance="one",
    state="blocked",
    why="the event loop has not turned for 12.0 s; Python still runs",
    alive=True,
    expected=True,
    uptime=3723.0,
    beats=10,
    beat_age=12.0,
    heartbeat_timeout=3.0,
    tasks=3,
    loops=1,
    events=(EventReading("order", 2, 1, 90.0, 60.0), EventReading("tick", 0, 0, 5.0, None)),
    postconditions=(
        PostconditionReading("database", passed=False, critical=True, reason="refused"),
        PostconditionReading("rules", passed=True, critical=True, reason=""),
    ),
    checkpoints=(CheckpointReading("booting", 3, 1, None, None),),
    boot="timed_out",
    boot_duration=None,
    dropped={"ring": 4, "invalid": 0},
    new_delays=(0.1,),
)


def test_a_healthy_process_is_seen_as_such(cli: Callable, main: Callable[..., Main], run: Path) -> None:
    main().pulse.events.count("order")

    code, out, _ = cli("status", "--dir", str(run), "--json")

    (seen,) = json.loads(out)
    assert code == 0
    assert (seen["pid"], seen["state"], seen["tasks"], seen["command"]) == (4242, "healthy", 3, "desk.py")
    assert [(event["name"], event["count"]) for event in seen["events"]] == [("order", 1)]


def test_the_table_shows_a_process_a_row(cli: Callable, main: Callable[..., Main], run: Path) -> None:
    main().pulse.events.count("order")
    main("4343-00000002")

    code, out, _ = cli("status", "--dir", str(run), "4242")

    assert code == 0
    assert out.split()[:4] == ["PID", "SERVICE", "STATE", "WHY"]
    assert "\n4242 " in out
    assert "4343" not in out
    assert "event order: 1, last " in out


def test_what_is_ill_gets_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    console().print(render([ILL]))

    out = capsys.readouterr().out
    assert out.splitlines()[2].split() == f"7 orders blocked {ILL.why} 12s ago 3 1h 02m".split()
    assert out.splitlines()[-7:] == [
        "",
        "app\\x1b[2J.py 7",
        "  boot timed out, at checkpoint booting",
        "  event order: 2 and 1 synthetic, last 1m 30s ago, due every 1m 00s",
        "  event tick: 0, none in 5.0s",
        "  post-condition database failed: refused",
        "  4 records dropped (ring)",
    ]


def test_json_has_every_field_but_the_delays() -> None:
    (seen,) = to_json([ILL])

    assert set(seen) == set(Snapshot.__struct_fields__) - {"new_delays"}
    assert seen["events"][0] == {
        "name": "order",
        "count": 2,
        "synthetic": 1,
        "age": 90.0,
        "deadline": 60.0,
        "stand_in": False,
    }


def test_a_process_that_is_not_there_is_an_error(
    cli: Callable, main: Callable[..., Main], run: Path, tmp_path: Path
) -> None:
    main()
    code, _, err = cli("status", "--dir", str(run), "1")
    assert code == 1
    assert f"no process 1 is watched in {run}\n  try: one of 4242" in err

    assert cli("status", "--dir", str(tmp_path)).code == 1


def test_a_process_of_another_version_is_named(cli: Callable, main: Callable[..., Main], run: Path) -> None:
    service = main()
    with open(service.folder / "pulse", "r+b") as file:
        file.seek(8)
        file.write(b"\x09")
    code, _, err = cli("status", "--dir", str(run))
    assert code == 1
    assert f"process {service.folder.name} is of another version of lifesign and not watched" in err
    assert f"its layout is version 9; this lifesign reads version {layout.VERSION}" in err


@rows(
    ("seconds", "shown"),
    [(0.04, "0.0s"), (9.94, "9.9s"), (42.9, "42s"), (200, "3m 20s"), (18190, "5h 03m"), (187300, "2d 04h")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_without_the_extra_it_says_what_to_install(cli: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    from lifesign.cli.supervise import extra

    monkeypatch.setattr(extra, "_MODULES", ("no_such_module", "no_such_parent.child", "json"))
    for verb in ("status", "dump", "doctor"):
        code, _, err = cli(verb)
        assert (code, err) == (
            3,
            "lifesign: not installed: no_such_module, no_such_parent.child\n  try: pip install 'lifesign[sidecar]'\n",
        )


def test_a_process_that_is_blocked_is_asked_what_blocks_it_now(
    cli: Callable, main: Callable[..., Main], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = main()
    service.beat(age=1000.0, watchdog_age=0.0)
    dump = answer(group(0, 3, "render"))
    stall = {"kind": "stall", "loop": 0, "since": 1, "at": 2, "busy": True, "stack": [frame("render", 8)]}
    asked: list[int] = []

    def records(number: int) -> list[Any]:
        asked.append(number)
        return [stall, *dump.groups, {**dump.dump, "request": number}]

    with answering(service, layout.REQUEST_DUMP, records):
        code, out, _ = cli("status", "--json", "--dir", str(run))
    assert (code, [one["state"] for one in json.loads(out)], asked) == (0, ["blocked"], [1])


def test_loops_beyond_those_that_can_be_watched_are_said() -> None:
    out = io.StringIO()
    Console(file=out, width=200).print(render([msgspec.structs.replace(ILL, unwatched_loops=2)]))
    assert "2 event loops are not watched" in out.getvalue()


def test_where_nothing_is_ill_the_table_is_all() -> None:
    out = io.StringIO()
    well = msgspec.structs.replace(
        ILL, state="healthy", boot="complete", events=(), postconditions=(), checkpoints=(), dropped={}
    )
    Console(file=out, width=200).print(render([well, well]))
    assert len(out.getvalue().splitlines()) == 4  # two lines above the two processes
