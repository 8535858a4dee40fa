"""`lifesign status` and `lifesign dump` of a real service, beside no sidecar at all."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.commands import processes
from support.waiting import eventually
from support.watched import Service, watched

NOBODY = "999999999"  # no process has a number like that


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One watched service for all tests that only look."""
    with watched(tmp_path_factory.mktemp("run")) as running:
        yield running


def test_a_healthy_service_is_seen_as_such(cli: Callable, service: Service) -> None:
    def look() -> dict[str, Any]:
        code, out, _ = cli("status", "--dir", service.directory, "--json")
        assert code == 0
        (seen,) = processes(out)
        return seen

    eventually(lambda: look()["state"] != "starting")
    seen = look()
    assert (seen["pid"], seen["state"], seen["tasks"], seen["command"]) == (service.pid, "healthy", 5, "service.py")
    assert [(event["name"], event["count"]) for event in seen["events"]] == [("order", 2)]


def test_the_table_shows_a_process_a_row(cli: Callable, service: Service) -> None:
    code, out, _ = cli("status", "--dir", service.directory, str(service.pid))

    assert code == 0
    assert out.split()[:4] == ["PID", "SERVICE", "STATE", "BEAT"]
    assert f"\n{service.pid}" in out
    assert "event order: 2, last " in out


def test_a_process_that_is_not_there_has_no_status(cli: Callable, service: Service, tmp_path: Path) -> None:
    code, _, err = cli("status", "--dir", service.directory, NOBODY)
    assert code == 1
    assert f"no process {NOBODY} is watched in {service.directory}\n  try: one of {service.pid}" in err

    assert cli("status", "--dir", str(tmp_path)).code == 1


def test_groups_come_biggest_first_with_where_they_wait(cli: Callable, service: Service) -> None:
    code, out, _ = cli("dump", "--dir", service.directory, str(service.pid))

    assert code == 0
    blocks = out.split("\n\n")
    assert blocks[0].startswith(f"service.py {service.pid}: 5 tasks in 3 groups, ")
    assert blocks[1].startswith(
        "#0  3 x wait_for_orders, service.py:11, wait for an item from Queue (empty)\n    order-"
    )
    assert 'service.py", line 11, in wait_for_orders\n      return await queue.get()\n' in blocks[1]
    assert "\\x1b[2J\\u202eevil" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_the_tree_is_a_line_a_group(cli: Callable, service: Service) -> None:
    code, out, _ = cli("dump", "--dir", service.directory, "--tree")

    assert code == 0
    root, *children = (re.sub(r"#\d ", "", line) for line in out.splitlines()[2:])
    assert root == "1 x main [Task-1]  waiting for gather  service.py:26"
    assert [line.partition(" [")[0] for line in children] == ["├── 3 x wait_for_orders", "└── 1 x sleep_long"]
    assert "[\\x1b[2J\\u202eevil]" in out


def test_the_only_process_needs_no_number(cli: Callable, service: Service) -> None:
    code, out, _ = cli("dump", "--dir", service.directory, "--json")

    (answer,) = processes(out)
    assert code == 0
    assert (answer["pid"], answer["dump"]["tasks"], answer["dump"]["reason"]) == (service.pid, 5, "request")
    biggest = answer["groups"][0]
    assert (biggest["count"], biggest["stack"][0]["function"]) == (3, "wait_for_orders")
    assert sorted(biggest["names"]) == ["order-0", "order-1", "order-2"]


def test_asking_twice_gives_two_dumps(cli: Callable, service: Service) -> None:
    first, second = (processes(cli("dump", "--dir", service.directory, "--json").out)[0]["dump"] for _ in range(2))

    assert first["id"] != second["id"]
    assert second["request"] == first["request"] + 1


def test_a_process_that_runs_no_python_does_not_answer(cli: Callable, tmp_path: Path) -> None:
    with watched(tmp_path) as frozen:
        os.kill(frozen.pid, signal.SIGSTOP)
        code, out, err = cli("dump", "--dir", frozen.directory, "--timeout", "0.2")

    assert (code, out) == (2, "")
    assert f"process {frozen.pid} did not answer within 0.2 s" in err


def test_several_processes_are_found_by_the_one_that_started_them(cli: Callable, tmp_path: Path) -> None:
    with watched(tmp_path) as one, watched(tmp_path) as two:
        for named, pids in ((str(two.pid), {two.pid}), (str(os.getpid()), {one.pid, two.pid})):
            code, out, _ = cli("dump", "--dir", str(tmp_path), named, "--json")
            assert (code, {answer["pid"] for answer in processes(out)}) == (0, pids)


def test_a_process_that_is_not_there_is_not_watched(cli: Callable, service: Service, tmp_path: Path) -> None:
    code, _, err = cli("dump", "--dir", service.directory, NOBODY)
    assert code == 1
    assert f"no living process {NOBODY} is watched in {service.directory}\n  try: one of {service.pid}" in err

    (tmp_path / "4242-0123abcd").mkdir()
    assert cli("dump", "--dir", str(tmp_path)).code == 1
