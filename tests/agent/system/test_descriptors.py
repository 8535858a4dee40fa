"""What is open, by its kind: real pipes, files and connections, of a limit that is put close above them."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
import threading
from pathlib import Path
from typing import Any, Iterator

import pytest

from lifesign.agent.system import descriptors, usage
from lifesign.agent.tasks import dump
from lifesign.agent.tasks.dump import Tasks


def limited(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """Nobody may open more than so many."""
    most = usage.descriptors() + free
    monkeypatch.setattr(descriptors, "most_descriptors", lambda: most)


@pytest.fixture
def many(tmp_path: Path) -> Iterator[list[socket.socket]]:
    """Eighty pipes, sixty connections to a server here that has closed ten of them, three listeners, and files."""
    with contextlib.ExitStack() as opened:
        for _ in range(40):
            for number in os.pipe():
                opened.callback(os.close, number)
        servers = [opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        own: list[socket.socket] = []
        for number in range(60):
            own.append(opened.enter_context(socket.create_connection(servers[0].getsockname())))
            accepted = servers[0].accept()[0]
            opened.callback(accepted.close)
            if number < 10:
                accepted.close()
        opened.enter_context(socket.socket(socket.AF_UNIX))
        opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        opened.enter_context(socket.socket())
        for _ in range(20):
            opened.enter_context((tmp_path / "prices").open("w"))
        yield own


def counts() -> dict[str, tuple[int, int]]:
    found = descriptors.open_files()
    assert found is not None
    return {one["kind"]: (one["count"], one["closed"]) for one in found["kinds"]}


def test_what_is_open_by_its_kind_where_it_is_nearly_all(
    many: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, 5)
    seen = counts()
    port = many[0].getpeername()[1]
    assert seen[f"connections to the server at port {port}"] == (60, 10)
    assert seen["connections of clients"] == (50, 0)
    assert seen["pipes"][0] >= 80
    assert seen["files"][0] >= 20
    assert sorted(seen)[:2] == ["connections of clients", f"connections to the server at port {port}"]
    many[-1].sendall(b"all of them go on")


def test_where_a_new_object_for_a_socket_would_change_it_it_is_not_looked_at(
    many: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, 5)
    monkeypatch.setattr(descriptors, "_LOOKED_AT", 2000)
    socket.setdefaulttimeout(3600)
    try:
        assert counts()["sockets"][0] >= 110
        assert many[0].gettimeout() is None
    finally:
        socket.setdefaulttimeout(None)


def test_nothing_is_said_while_there_is_room(many: list[socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, usage.descriptors())
    assert (descriptors.nearly_all(), descriptors.open_files()) == (None, None)
    monkeypatch.setattr(descriptors, "most_descriptors", lambda: 10)  # of so few nothing follows
    assert descriptors.nearly_all() is None
    monkeypatch.setattr(descriptors, "_sockets", None)
    assert descriptors.nearly_all() is None


def test_a_number_that_is_no_socket_any_more() -> None:
    reads, writes = os.pipe()
    assert descriptors._connection(reads) == "sockets"
    os.close(reads)
    os.close(writes)
    assert descriptors._connection(reads) == "sockets"


def test_with_no_descriptor_left_all_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(number: int) -> Any:
        def scandir(_: str) -> Any:
            raise OSError(number, "no")

        return scandir

    monkeypatch.setattr(os, "stat", lambda _: os.stat_result((0,) * 10))
    monkeypatch.setattr(os, "scandir", refuses(errno.EMFILE))
    assert usage.descriptors() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    monkeypatch.setattr(os, "scandir", refuses(errno.EACCES))
    assert usage.descriptors() == 0


def test_that_they_are_used_up_is_a_reason_for_a_dump_once(
    many: list[socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump, "SEARCH_PRICE", 0)
    tasks = Tasks(list, search_seconds=0.0)
    said = []
    for free in (10_000, 1, 1, 10_000, 1):
        limited(monkeypatch, free)
        said.append(tasks.search(threading.Event().is_set))
    assert said == ["", "open files", "", "", "open files"]
