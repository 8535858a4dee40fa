"""What one read of a lane costs, whoever wrote it: so many records, so many torn places, so far to look on."""

from __future__ import annotations

import struct
import zlib
from typing import Iterator

from lifesign.wire import layout
from lifesign.wire.lane import LaneRead, parse

SIZE = 5 << 17  # more than are read at once


def record(position: int, sequence: int, payload: bytes = b"") -> bytes:
    header = struct.pack("<3Q", position, sequence, len(payload))
    checksum = struct.pack("<Q", zlib.crc32(payload, zlib.crc32(header)))
    return header + checksum + payload.ljust(layout.padded(len(payload)), b"\0")


def reads(raw: bytes) -> Iterator[LaneRead]:
    """One read after the other, until the end."""
    position = sequence = 0
    while position < len(raw):
        read = parse(raw[position:], position, sequence, SIZE, 0)
        assert read.position > position
        position, sequence = read.position, read.sequence
        yield read


def test_a_ring_full_of_the_smallest_records_is_read_in_several_goes() -> None:
    raw = b"".join(record(position, position // 32) for position in range(0, SIZE, 32))
    counts = [len(read.records) for read in reads(raw)]
    assert sum(counts) == SIZE // 32
    assert max(counts) == 1 << 14


def test_a_ring_full_of_fillers_is_too() -> None:
    headers = [struct.pack("<3Q", position, 0, layout.FILLER) for position in range(0, SIZE, 32)]
    raw = b"".join(header + struct.pack("<Q", zlib.crc32(header)) for header in headers)
    assert [read.records for read in reads(raw)] == [[], []]


def test_words_that_all_look_like_headers_are_given_up_after_a_few() -> None:
    raw = b"".join(struct.pack("<Q", position) for position in range(0, SIZE, 8))
    (read,) = reads(raw)
    assert len(read.torn) == 17
    assert sum(map(len, read.torn)) < 1 << 10


def test_behind_one_torn_record_the_next_is_found() -> None:
    torn = record(0, 0, b"x" * (layout.RECORD_BYTES_MAX - 8))
    good = record(len(torn), 1, b"{}")
    (read,) = reads(b"\xff" * 8 + torn[8:] + good)
    assert [one.payload for one in read.records] == [b"{}"]
    assert read.missed == 1


def test_behind_a_waste_longer_than_any_record_nothing_is_looked_for() -> None:
    waste = bytes(8) + b"\xff" * (2 * layout.RECORD_BYTES_MAX)
    (read,) = reads(waste + record(len(waste), 1))
    assert read.records == []
    assert len(read.torn) == 1


def test_a_sequence_number_from_nowhere_is_no_record() -> None:
    (read,) = reads(record(0, (1 << 63) + 5, b"{}"))
    assert (read.records, read.missed, len(read.torn)) == ([], 0, 1)
