"""`lifesign dump` of a real service, beside no sidecar at all."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.conftest import Service, watched
from lifesign.wire import reader


def test_groups_come_biggest_first_with_where_they_wait(cli: Callable, service: Service) -> None:
    code, out, _ = cli("dump", "--dir", service.directory, str(service.pid))

    assert code == 0
    blocks = out.split("\n\n")
    assert blocks[0].startswith(f"process {service.pid}: 5 tasks in 3 groups, ")
    assert blocks[1].startswith("3 tasks  order-")
    assert "\n  wait_for_orders  " in blocks[1]
    assert "service.py:11\n" in blocks[1]
    assert "\\x1b[2J\\u202eevil" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_the_only_process_needs_no_number(cli: Callable, service: Service) -> None:
    code, out, _ = cli("dump", "--dir", service.directory, "--json")

    answer = json.loads(out)
    assert code == 0
    assert (answer["pid"], answer["dump"]["tasks"], answer["dump"]["reason"]) == (service.pid, 5, "request")
    biggest = answer["groups"][0]
    assert (biggest["count"], biggest["stack"][0]["function"]) == (3, "wait_for_orders")
    assert sorted(biggest["names"]) == ["order-0", "order-1", "order-2"]


def test_asking_twice_gives_two_dumps(cli: Callable, service: Service) -> None:
    first, second = (json.loads(cli("dump", "--dir", service.directory, "--json").out)["dump"] for _ in range(2))

    assert first["id"] != second["id"]
    assert second["request"] == first["request"] + 1


def test_a_process_that_runs_no_python_does_not_answer(cli: Callable, tmp_path: Path) -> None:
    with watched(tmp_path) as frozen:
        os.kill(frozen.pid, signal.SIGSTOP)
        code, out, err = cli("dump", "--dir", frozen.directory, "--timeout", "0.2")

    assert (code, out) == (2, "")
    assert f"process {frozen.pid} did not answer within 0.2 s" in err


def test_which_process_is_said_where_there_are_several(cli: Callable, tmp_path: Path) -> None:
    with watched(tmp_path) as one, watched(tmp_path) as two:
        code, _, err = cli("dump", "--dir", str(tmp_path))
        assert code == 3
        assert "there are 2 watched processes" in err
        assert str(one.pid) in err
        assert str(two.pid) in err
        assert cli("dump", "--dir", str(tmp_path), str(two.pid)).code == 0


def test_a_process_that_is_not_there_is_not_watched(cli: Callable, service: Service, tmp_path: Path) -> None:
    code, _, err = cli("dump", "--dir", service.directory, "1")
    assert code == 1
    assert f"no living process 1 is watched in {service.directory}\n  try: one of {service.pid}" in err

    (tmp_path / "4242-0123abcd").mkdir()
    assert cli("dump", "--dir", str(tmp_path)).code == 1


@pytest.mark.parametrize(
    ("raised", "code", "says"),
    [
        (PermissionError(13, "Permission denied"), 3, "you may not write to the pulse"),
        (reader.PulseError("it ends too early"), 1, "cannot be read: it ends too early"),
    ],
)
def test_a_pulse_that_cannot_be_asked(
    cli: Callable, service: Service, monkeypatch: pytest.MonkeyPatch, raised: Exception, code: int, says: str
) -> None:
    def request(_reader: object, _word: int) -> int:
        raise raised

    monkeypatch.setattr(reader.PulseReader, "request", request)

    ended = cli("dump", "--dir", service.directory)
    assert ended.code == code
    assert says in ended.err


def test_groups_that_the_ring_lost_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    from lifesign.cli.asking import Answer
    from lifesign.cli.dump import render
    from lifesign.cli.terminal import console

    dump = {"kind": "task_dump", "id": "a", "reason": "request", "request": 1, "start": 0, "end": 2_000_000, "tasks": 1,
            "groups": 52, "omitted": 2}  # fmt: skip
    group = {"kind": "task_group", "dump": "a", "index": 0, "count": 1, "stack": [], "names": ["Task-1"],
             "waits_for": "a lock", "at": 0}  # fmt: skip
    console().print(render(7, Answer(dump, [group])))  # type: ignore[arg-type, list-item]

    assert capsys.readouterr().out.splitlines() == [
        "process 7: 1 task in 52 groups, 2 ms",
        "",
        "1 task  Task-1",
        "  waits for a lock",
        "",
        "51 groups more not shown: too many for the ring",
    ]
