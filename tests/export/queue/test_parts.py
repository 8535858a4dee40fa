"""Parts of a spool by themselves: what is given up of a segment, what goes into a batch, counts that cannot be read."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, Callable

import pytest

from lifesign.export.queue.dead_letter import DeadLetterFile
from lifesign.export.queue.memory import MemoryQueue
from lifesign.export.queue.offsets import Offsets, Position
from lifesign.export.queue.reader import SegmentReader
from lifesign.export.queue.segments import Entry, Segments, encode_line
from lifesign.watch.telemetry import Resource, Span


def left(directory: Path, *segments: bytes) -> Segments:
    """Segments that an earlier sidecar wrote."""
    for number, content in enumerate(segments, start=1):
        (directory / f"{number:016}.jsonl").write_bytes(content)
    return Segments(directory, 4096, 0)


def reader(directory: Path, position: Position, *segments: bytes) -> SegmentReader:
    """Reads them from that position on."""
    return SegmentReader(left(directory, *segments), DeadLetterFile(directory), position)


@pytest.fixture
def two(resource: Resource, span: Callable[..., Span]) -> bytes:
    return encode_line(resource) + encode_line(span(1)) + encode_line(span(2))


async def test_what_is_given_up_of_a_segment_is_what_was_not_read(tmp_path: Path, two: bytes) -> None:
    segments = left(tmp_path, two, two, two)
    read = SegmentReader(segments, DeadLetterFile(tmp_path), Position(2, 0))
    assert await read.skip(1) == 0  # before the cursor: all of it was delivered
    assert await read.skip(3) == 2  # behind it
    assert len((await read.read(1))[1]) == 1
    assert await read.skip(2) == 1
    await segments.remove(2)
    assert len((await read.read(9))[1]) == 2  # of the third alone
    assert read.position.segment == 3


@pytest.mark.parametrize("number", [2, 3])
async def test_what_cannot_be_read_for_now_is_not_given_up(
    tmp_path: Path, two: bytes, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    read = reader(tmp_path, Position(2, 0), two, two, two)
    error = errno.EMFILE

    async def fails(*_: Any) -> bytes:
        raise OSError(error, "cannot be read")

    monkeypatch.setattr(Segments, "read", fails)
    with pytest.raises(OSError, match="cannot be read"):
        await read.skip(number)
    error = errno.ENOENT
    assert await read.skip(number) == len(two) // 128  # by the length of a short line


async def test_a_resource_that_cannot_be_read_again_is_missing(
    tmp_path: Path, two: bytes, resource: Resource, span: Callable[..., Span]
) -> None:
    torn = b'{"type":"resource", torn\n'
    read = reader(tmp_path, Position(1, len(torn)), torn + encode_line(span(1)))
    assert await read.read(9) == ({}, [])
    assert read.take_invalid() == 1


def test_a_batch_from_memory_has_a_bound_in_bytes(resource: Resource, span: Callable[..., Span]) -> None:
    queue = MemoryQueue(1 << 20)
    entries = [Entry(span(number), bytes(100), resource, b"") for number in range(5)]
    for entry in entries:
        queue.add(entry)
    assert queue.lease(9, 250) == entries[:3]  # the third is the last one, and exceeds it
    queue.release()
    assert queue.lease(2, 250) == entries[:2]


def test_counts_that_cannot_be_read_are_an_error_and_no_new_beginning(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        Offsets(tmp_path / "file")
