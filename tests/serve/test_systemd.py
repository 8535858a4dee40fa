"""What systemd hears of a service, in the datagrams of sd_notify(3)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifesign.judge.health import Health
from lifesign.serve.systemd import Systemd
from support.made.boards import snapshot

YES, NO = Health(True, ()), Health(False, ())


class Heard:
    """systemd's end."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(path)

    def words(self) -> list[str]:
        found: list[str] = []
        while True:
            try:
                found += self._socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["a file", "abstract"])
def heard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Heard, str]]:
    name = str(tmp_path / "notify")
    made = Heard(name if request.param == "a file" else f"\0{name}")
    yield made, name if request.param == "a file" else f"@{name}"
    made.close()


def test_a_boot_an_illness_and_its_end(heard: tuple[Heard, str]) -> None:
    systemd, name = heard
    notifier = Systemd({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "8000000"})
    said = []
    for state, booted, lives, now in (
        ("starting", NO, YES, 100.0),
        ("healthy", YES, YES, 101.0),
        ("healthy", YES, YES, 101.9),
        ("healthy", YES, YES, 102.0),
        ("blocked", YES, NO, 106.0),
        ("blocked", YES, NO, 109.0),
        ("healthy", YES, YES, 110.0),
    ):
        notifier.tell([snapshot(state=state)], booted, lives, now)
        said.append(systemd.words())
    assert said == [
        ["WATCHDOG=1", "STATUS=starting: because starting"],
        ["READY=1", "STATUS=healthy: because healthy"],
        [],
        ["WATCHDOG=1"],
        ["STATUS=blocked: because blocked"],
        [],
        ["WATCHDOG=1", "STATUS=healthy: because healthy"],
    ]


def test_a_reason_that_grows_is_said_now_and_then(heard: tuple[Heard, str]) -> None:
    systemd, name = heard
    notifier = Systemd({"NOTIFY_SOCKET": name})
    for seconds in range(1, 14):
        notifier.tell([snapshot(state="blocked", why=f"for {seconds} s")], NO, NO, 100.0 + seconds)
    assert systemd.words() == ["STATUS=blocked: for 1 s", "STATUS=blocked: for 11 s"]


def test_without_a_watchdog_it_hears_what_changes(heard: tuple[Heard, str]) -> None:
    systemd, name = heard
    for usec in ({}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "-1"}):
        notifier = Systemd({"NOTIFY_SOCKET": name, **usec})
        for now in (100.0, 200.0):
            notifier.tell([snapshot()], YES, YES, now)
        assert systemd.words() == ["READY=1", "STATUS=healthy: because healthy"]


def test_a_service_writes_no_word_of_the_protocol(heard: tuple[Heard, str]) -> None:
    systemd, name = heard
    Systemd({"NOTIFY_SOCKET": name}).tell([snapshot(why="late\nMAINPID=1\n" + "x" * 500)], NO, YES, 0.0)
    (status,) = systemd.words()
    assert status.startswith("STATUS=healthy: late MAINPID=1 xxx")
    assert len(status) == len("STATUS=") + 200


def test_of_several_processes_the_living_count(heard: tuple[Heard, str]) -> None:
    systemd, name = heard
    processes = [snapshot("1-a", "dead"), snapshot("2-b"), snapshot("3-c"), snapshot("4-d", "blocked", why="")]
    Systemd({"NOTIFY_SOCKET": name}).tell(processes, NO, NO, 0.0)
    assert systemd.words() == ["STATUS=healthy: because healthy; blocked"]


@pytest.mark.parametrize("name", ["", "vsock:2:1234", "/nobody/is/there"])
def test_where_nobody_hears_nothing_is_said(name: str, caplog: pytest.LogCaptureFixture) -> None:
    Systemd({"NOTIFY_SOCKET": name}).tell([snapshot()], YES, YES, 0.0)
    assert len(caplog.records) == (name == "/nobody/is/there")
