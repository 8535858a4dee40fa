"""`lifesign status` says what the sidecar would say."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest
from rich.console import Console

from lifesign.cli import status
from lifesign.cli.output.terminal import bytes_long, bytes_short, console, duration
from lifesign.cli.processes.details import to_json
from lifesign.cli.status import render
from lifesign.watch.telemetry import (
    CauseReading,
    CheckpointReading,
    EventReading,
    MemoryReading,
    PostconditionReading,
    Snapshot,
    UsageReading,
)
from lifesign.wire import layout
from support.commands import processes
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

    (seen,) = processes(out)
    assert code == 0
    assert (seen["pid"], seen["state"], seen["tasks"], seen["command"]) == (4242, "healthy", 3, "desk.py")
    assert [(event["name"], event["count"]) for event in seen["events"]] == [("order", 1)]


def test_the_table_shows_a_process_a_row(cli: Callable, main: Callable[..., Main], run: Path) -> None:
    main().pulse.events.count("order")
    main("4343-00000002")

    code, out, _ = cli("status", "--dir", str(run), "4242")

    assert code == 0
    assert out.split()[:4] == ["PID", "SERVICE", "STATE", "BEAT"]
    assert "\n4242 " in out
    assert "4343" not in out
    assert "event order: 1, last " in out


def test_what_is_ill_gets_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    console().print(render([ILL], 200))

    out = capsys.readouterr().out
    assert out.splitlines()[2].split() == f"7 orders blocked 12s 3 1h 02m {ILL.why}".split()
    assert out.splitlines()[-7:] == [
        "",
        "app\\x1b[2J.py 7",
        "  boot timed out, at checkpoint booting",
        "  event order: 2 and 1 synthetic, last 1m 30s ago, due every 1m 00s",
        "  event tick: 0, none in 5.0s",
        "  post-condition database failed: refused",
        "  4 records dropped (ring)",
    ]


def test_where_a_cause_is_known_it_is_the_reason() -> None:
    cause = CauseReading("task-died", "task consumer died of ValueError", "consume", "app.py", 7)
    well = msgspec.structs.replace(ILL, state="healthy", why="the event loop beats", causes=(cause,))
    same = msgspec.structs.replace(ILL, why=cause.sentence)
    for one, below in ((ILL, True), (well, False), (same, False)):
        out = io.StringIO()
        Console(file=out, width=200).print(render([msgspec.structs.replace(one, causes=(cause,))], 200))
        assert out.getvalue().splitlines()[2].endswith(f" {cause.sentence}")
        assert (f"\n  {one.why}" in out.getvalue()) is below


def test_json_has_every_field_but_the_delays_and_the_dump() -> None:
    seen = to_json(ILL)

    assert set(seen) == set(Snapshot.__struct_fields__) - {"new_delays", "dump"}
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
    code, _, err = cli("status", "--dir", str(run), "999999999")
    assert code == 1
    assert f"no process 999999999 is watched in {run}\n  try: one of 4242" in err

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
    assert (code, [one["state"] for one in processes(out)], asked) == (0, ["blocked"], [1])


def test_loops_beyond_those_that_can_be_watched_are_said() -> None:
    out = io.StringIO()
    Console(file=out, width=200).print(render([msgspec.structs.replace(ILL, unwatched_loops=2)], 200))
    assert "2 event loops are not watched" in out.getvalue()


def test_where_nothing_is_ill_the_table_is_all() -> None:
    out = io.StringIO()
    well = msgspec.structs.replace(
        ILL, state="healthy", boot="complete", events=(), postconditions=(), checkpoints=(), dropped={}
    )
    Console(file=out, width=200).print(render([well, well], 200))
    assert len(out.getvalue().splitlines()) == 4  # two lines above the two processes


def test_it_watches_until_it_is_stopped(
    cli: Callable, main: Callable[..., Main], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = main()
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise KeyboardInterrupt
        service.die()
        shutil.rmtree(service.folder)

    monkeypatch.setattr(status, "time", SimpleNamespace(sleep=sleep, strftime=lambda _: "12:00:00"))
    code, out, _ = cli("status", "--watch", "0.5", "--dir", str(run))
    assert (code, slept) == (130, [0.5, 0.5])
    first, second = out.split("lifesign status, 12:00:00")[1:]
    assert "4242" in first
    assert "no process is watched in" in second


def test_it_watches_as_json_a_line_at_a_time(
    cli: Callable, main: Callable[..., Main], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main()
    monkeypatch.setattr(status.time, "sleep", Mock(side_effect=[None, KeyboardInterrupt]))
    code, out, _ = cli("status", "--watch", "--json", "--dir", str(run))
    assert code == 130
    assert [[one["pid"] for one in processes(line)] for line in out.splitlines()] == [[4242], [4242]]
    assert cli("status", "--watch", "0", "--dir", str(run)).code == 3


def test_what_a_process_uses_is_a_column_and_a_line() -> None:
    usage = UsageReading(
        user=61.5, system=1.0, memory=48 << 20, threads=5, descriptors=14,
        garbage=((12, 3, 0), (3, 0, 0), (1, 0, 0)), container=MemoryReading(50 << 20, 512 << 20),
    )  # fmt: skip
    out = io.StringIO()
    Console(file=out, width=200).print(render([msgspec.structs.replace(ILL, usage=usage)], 200))
    assert out.getvalue().splitlines()[2].split()[:8] == ["7", "orders", "blocked", "12s", "1m", "02s", "48M", "3"]
    assert (
        "  uses 1m 02s of CPU time, 48 MiB of memory, its container 50 MiB of 512 MiB, 5 threads, "
        "14 file descriptors, 12/3/1 garbage collections (by generation)"
    ) in out.getvalue()


@rows("width", [40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    out = io.StringIO()
    Console(file=out, width=width).print(render([ILL], width))
    assert max(map(len, out.getvalue().splitlines())) <= width
    assert "blocked" in out.getvalue()


@rows(
    ("count", "short", "long"),
    [
        (0, "0", "0 bytes"),
        (512, "512", "512 bytes"),
        (48 << 20, "48M", "48 MiB"),
        (1290 << 20, "1.3G", "1.3 GiB"),
        (9 << 40, "9.0T", "9.0 TiB"),
    ],
)
def test_bytes(count: int, short: str, long: str) -> None:
    assert (bytes_short(count), bytes_long(count)) == (short, long)


@rows(
    ("width", "headings"),
    [
        (20, "PID STATE"),
        (40, "PID SERVICE STATE"),
        (60, "PID SERVICE STATE WHY"),
        (80, "PID SERVICE STATE MEM UP WHY"),
        (120, "PID SERVICE STATE BEAT CPU MEM TASKS THR FDS UP WHY"),
    ],
)
def test_what_there_is_no_room_for_is_left_out_and_nothing_is_cut(width: int, headings: str) -> None:
    busy = msgspec.structs.replace(
        ILL, state="silent", conditions=("starved", "stalling"), why="no order for 57 s, due every 3 s", uptime=3672.0
    )
    out = io.StringIO()
    Console(file=out, width=width).print(render([busy], width))
    first, *rest = out.getvalue().splitlines()
    assert first.split() == headings.split()
    said = " ".join(" ".join(line[first.find("WHY") if "WHY" in first else 0 :] for line in rest).split())
    assert busy.why in said
