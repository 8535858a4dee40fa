"""What a process says of the signal for its stacks, and what is noted when it was asked for them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lifesign.wire.folder import STACKS, STACKS_OFFER, OwnFolder, PulseError
from lifesign.wire.stacks.offer import KnownThread, StacksOffer, read_offer, write_offer
from lifesign.wire.stacks.reading import read_file
from lifesign.wire.stacks.request import StacksRequest, ThreadUse, add_request, decode_request, encode_request

OFFER = StacksOffer(43, 17, {140: KnownThread(16, "MainThread"), 141: KnownThread(17, "")})
REQUEST = StacksRequest(1, 2, 3, {16: ThreadUse("S", 4, 5, 6)})


def opened(path: str | Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def test_an_offer_is_read_as_it_was_written_and_replaced_as_a_whole(tmp_path: Path) -> None:
    own = OwnFolder(str(tmp_path), 16)
    directory = opened(own.path)
    assert read_offer(directory) is None
    write_offer(own, StacksOffer(0, 17, {}))
    Path(own.path, STACKS_OFFER + ".new").write_text("half of")  # of one that failed
    write_offer(own, OFFER)
    assert read_offer(directory) == OFFER
    assert {path.name for path in Path(own.path).iterdir()} == {"life", "requests", "stacks.json"}
    os.close(directory)
    own.discard()
    assert not Path(own.path).exists()


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"{", b"[" * 9999, b'{"signal": 43}', b'{"signal": -1, "thread": 1, "threads": []}',
        b'{"signal": true, "thread": 1, "threads": []}', b'{"signal": 43, "thread": 1, "threads": {}}',
    ],
)  # fmt: skip
def test_what_is_no_offer_is_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / STACKS_OFFER).write_bytes(content)
    directory = opened(tmp_path)
    assert read_offer(directory) is None
    os.close(directory)


def test_of_an_offer_only_threads_are_taken(tmp_path: Path) -> None:
    threads = [[140, 16, "x" * 99], [1, 2], [1, "2", "y"], [10**400, 1, "y"], [1, 2, None], 7]
    (tmp_path / STACKS_OFFER).write_text(json.dumps({"signal": 43, "thread": 17, "threads": threads}))
    directory = opened(tmp_path)
    found = read_offer(directory)
    os.close(directory)
    assert found == StacksOffer(43, 17, {140: KnownThread(16, "x" * 60)})


def test_a_request_is_a_line_of_the_file(tmp_path: Path) -> None:
    directory = opened(tmp_path)
    with pytest.raises(FileNotFoundError):  # the process makes it
        add_request(directory, REQUEST)
    (tmp_path / STACKS).write_bytes(b"before\n")
    add_request(directory, REQUEST)
    before, line, rest = read_file(STACKS, directory, 1000).split(b"\n")
    assert (before, rest) == (b"before", b"")
    assert decode_request(line) == REQUEST
    assert len(read_file(STACKS, directory, 5)) == 5
    (tmp_path / STACKS).unlink()
    (tmp_path / STACKS).symlink_to("/etc/passwd")
    assert read_file(STACKS, directory, 5) == b""
    with pytest.raises(PulseError):
        add_request(directory, REQUEST)
    os.close(directory)


@pytest.mark.parametrize(
    ("line", "threads"),
    [
        (b"Thread 0x1", None),
        (b"asked {}", None),
        (b'asked {"at": 1, "beats": 2, "over": 3}', None),
        (b'asked {"at": 1, "beats": -2, "over": 3, "threads": []}', None),
        (b'asked {"at": 1, "beats": 2, "over": 3, "threads": [[1, "S", 1, 1], [1], 7, [2, 3, 1, 1, 1]]}', {}),
        (b'asked {"at": 1, "beats": 2, "over": 3, "threads": [[1, "S", 1, 1, 1%s]]}' % (b"0" * 400), {}),
    ],
)
def test_what_is_no_request_is_none(line: bytes, threads: object) -> None:
    found = decode_request(line)
    assert threads == (found.threads if found is not None else None)


def test_more_threads_than_there_is_room_for_are_left_out() -> None:
    many = REQUEST._replace(threads={number: ThreadUse("S", 0, 0) for number in range(1000)})
    found = decode_request(encode_request(many).rstrip())
    assert found is not None
    assert list(found.threads) == list(range(256))
