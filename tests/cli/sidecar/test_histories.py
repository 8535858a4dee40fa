"""What happened, at a socket in the run directory: all of it, to our own user, and nothing is believed unread."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from lifesign.cli.past.remembered import remembered
from lifesign.cli.sidecar import histories
from lifesign.cli.sidecar.histories import NAME, Histories, ProcessHistory
from lifesign.judge.rundir import RunDirectory
from lifesign.serve.board import Board
from support.made.boards import log, snapshot
from support.rows import rows

KNOWN = ProcessHistory("12-0badcafe", 12, "orders", "orders.py", ())


def board() -> Board:
    made = Board()
    made.update([snapshot(), snapshot("13-0badcafe")])
    made.add([], [log("it is late"), log("it is later")])
    return made


def served(place: Path, made: Board, asked: int = 1) -> list[Any]:
    async def main() -> list[Any]:
        directory = RunDirectory(str(place))
        try:
            async with Histories(made, directory):
                return [await asyncio.to_thread(remembered, str(place)) for _ in range(asked)]
        finally:
            directory.close()

    return asyncio.run(main())


def test_every_process_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("left by an earlier one")
    deep = tmp_path / ("deep" * 30)  # longer than the path of a socket may be
    deep.mkdir()
    for place in (tmp_path, deep):
        first, again = served(place, board(), asked=2)
        assert [(one.key, one.pid, one.service, one.command) for one in first] == [
            ("12-0badcafe", 12, "orders", "orders.py"),
            ("13-0badcafe", 13, "orders", "orders.py"),
        ]
        assert [entry.text for entry in first[0].entries] == ["it is later", "it is late"]
        assert again == first
        assert not (place / NAME).exists()
    assert remembered(str(tmp_path)) is None
    assert remembered(str(tmp_path / "none")) is None


def test_nobody_else_may_connect(tmp_path: Path) -> None:
    async def main() -> int:
        async with Histories(Board(), RunDirectory(str(tmp_path))):
            return os.stat(tmp_path / NAME).st_mode & 0o022

    before = os.umask(0o022)  # as the sidecar has it: nothing is writable for others
    try:
        assert asyncio.run(main()) == 0
    finally:
        os.umask(before)


def test_where_there_is_no_place_nobody_is_told(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    assert served(tmp_path, board()) == [None]
    assert (tmp_path / NAME).is_dir()


def test_more_clients_than_can_be_served_are_told_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(histories, "_CLIENTS", 0)
    assert served(tmp_path, board()) == [None]


def line(content: Any) -> bytes:
    return msgspec.json.encode(content) + b"\n"


@rows(
    ("sent", "understood"),
    [
        (line({"schema": 1, "processes": 1}) + line(KNOWN), True),
        (line({"schema": 1, "processes": 2}) + line(KNOWN), False),  # it broke off
        (line({"schema": 2, "processes": 1}) + line(KNOWN), False),
        (line({"schema": 1, "processes": 1}) + line({"key": 3}), False),
        (b"\xff\n", False),
        (b"", False),
    ],
)
def test_what_is_said_there_has_to_be_that(tmp_path: Path, sent: bytes, understood: bool) -> None:
    place = tmp_path / str(len(list(tmp_path.iterdir())))
    place.mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place / NAME))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(sent)

        speaking = threading.Thread(target=answer)
        speaking.start()
        assert remembered(str(place)) == ([KNOWN] if understood else None)
        speaking.join()


def test_a_file_or_a_link_is_no_sidecar(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "another"))
        listener.listen()
        (tmp_path / NAME).symlink_to(tmp_path / "another")
        assert remembered(str(tmp_path)) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a socket away")
def test_nobody_else_speaks_for_the_sidecar(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / NAME))
        listener.listen()
        os.chown(tmp_path / NAME, 65534, -1)
        assert remembered(str(tmp_path)) is None
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):  # it was not even asked
            listener.accept()


def test_who_drips_is_heard_for_no_longer_than_others(tmp_path: Path, monkeypatch: Any) -> None:
    seconds: Any = SimpleNamespace(monotonic=iter(range(0, 60, 3)).__next__)  # 3 of them pass at each byte or two
    monkeypatch.setattr("lifesign.cli.past.remembered.time", seconds)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / NAME))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(line({"schema": 1, "processes": 1}) + line(KNOWN))

        speaking = threading.Thread(target=answer)
        speaking.start()
        assert remembered(str(tmp_path)) is None
        speaking.join()
