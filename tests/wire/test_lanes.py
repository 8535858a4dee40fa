"""What goes into a lane comes out of it, once, in order, or is counted."""

from __future__ import annotations

import json
import struct
from random import Random
from typing import Callable

import pytest

from lifesign.wire import layout
from lifesign.wire.lane import LaneRead
from lifesign.wire.reader import PulseReader
from lifesign.wire.writer import PulseWriter
from support.fuzzing.chance import chances
from support.rows import rows

RING_DATA = 122880 + 64


def numbers(lane: LaneRead) -> list[int]:
    return [json.loads(record.payload)["n"] for record in lane.records]


def test_records_are_read_once_and_in_order(writer: PulseWriter, reader: PulseReader) -> None:
    for number in range(3):
        assert writer.ring.append({"n": number})
    first = reader.ring()
    assert numbers(first) == [0, 1, 2]
    assert [record.sequence for record in first.records] == [0, 1, 2]
    writer.ring.append({"n": 3})
    second = reader.ring(first.position, first.sequence)
    assert numbers(second) == [3]
    assert numbers(reader.ring(second.position, second.sequence)) == []
    assert (second.missed, second.torn, second.refused) == (0, [], 0)


def test_a_ring_that_went_round_keeps_the_newest_and_counts_the_rest(writer: PulseWriter, reader: PulseReader) -> None:
    for number in range(1000):
        assert writer.ring.append({"n": number, "x": "x" * 200})
    lane = reader.ring()
    read = numbers(lane)
    assert read == list(range(read[0], 1000))
    assert len(read) > 200  # 64 KiB hold more than 200 of these 256 bytes
    assert lane.missed == read[0]


@rows("rng", chances(10))
def test_whatever_the_sizes_nothing_is_lost_unseen(writer: PulseWriter, reader: PulseReader, rng: Random) -> None:
    longest, every = rng.choice((100, 3000)), rng.randint(1, 7)
    paddings = [rng.randint(0, longest) for _ in range(rng.randint(1, 120))]
    before = reader.ring()
    position, sequence, missed = before.position, before.sequence, 0
    first = sequence
    read: list[int] = []
    for index, padding in enumerate(paddings):
        assert writer.ring.append({"n": first + index, "x": "x" * padding})
        if index % every == 0:
            lane = reader.ring(position, sequence)
            position, sequence, missed = lane.position, lane.sequence, missed + lane.missed
            read += numbers(lane)
            assert lane.torn == []
    lane = reader.ring(position, sequence)
    read += numbers(lane)
    assert len(read) + missed + lane.missed == len(paddings)
    assert read == sorted(set(read))
    assert read[-1] == first + len(paddings) - 1


def test_the_boot_lane_never_wraps(writer: PulseWriter, reader: PulseReader) -> None:
    written = [writer.boot.append({"n": number, "x": "x" * 1000}) for number in range(100)]
    fitted = written.count(True)
    # 65536 - 64 bytes of data; each record has 32 bytes of header and about 1020 of JSON.
    assert fitted == (65536 - 64) // (32 + 1024)
    lane = reader.boot()
    assert numbers(lane) == list(range(fitted))
    assert lane.refused == 100 - fitted


def test_a_record_that_is_too_long_is_refused_and_counted(writer: PulseWriter, reader: PulseReader) -> None:
    assert not writer.ring.append({"n": 0, "x": [0] * (layout.RECORD_BYTES_MAX // 2)})
    assert writer.ring.append({"n": 1})
    lane = reader.ring()
    assert numbers(lane) == [1]
    assert (lane.refused, lane.missed) == (1, 0)


def test_a_torn_record_is_set_aside_and_the_next_one_read(
    writer: PulseWriter, reader: PulseReader, overwrite: Callable[[int, bytes], None]
) -> None:
    for number in range(3):
        writer.ring.append({"n": number})
    overwrite(RING_DATA + 40 + 32, b"GARBAGE")  # the JSON of the second record
    lane = reader.ring()
    assert numbers(lane) == [0, 2]
    assert len(lane.torn) == 1
    assert b"GARBAGE" in lane.torn[0]
    assert lane.missed == 1


def test_a_record_with_an_impossible_length_hides_nothing_else(
    writer: PulseWriter, reader: PulseReader, overwrite: Callable[[int, bytes], None]
) -> None:
    for number in range(3):
        writer.ring.append({"n": number})
    overwrite(RING_DATA + 40 + 16, struct.pack("<Q", 1 << 40))
    assert numbers(reader.ring()) == [0, 2]


def test_impossible_lane_headers_bring_nothing_and_do_not_hang(
    writer: PulseWriter, reader: PulseReader, overwrite: Callable[[int, bytes], None]
) -> None:
    writer.ring.append({"n": 0})
    for head, tail in (((1 << 64) - 1, 0), (0, (1 << 64) - 1), (1 << 40, 0)):
        overwrite(122880, struct.pack("<2Q", head, tail))
        assert reader.ring().records == []


def test_the_writer_survives_somebody_elses_scribbling(
    writer: PulseWriter, reader: PulseReader, overwrite: Callable[[int, bytes], None]
) -> None:
    for number in range(10):
        writer.ring.append({"n": number, "x": "x" * 3000})
    overwrite(RING_DATA, b"\xff" * 65536)
    for number in range(10, 60):
        assert writer.ring.append({"n": number, "x": "x" * 3000})
    read = numbers(reader.ring())
    assert read == list(range(read[0], 60))
    assert len(read) > 15


def test_a_signal_handler_that_records_while_we_record_loses_nothing(writer: PulseWriter, reader: PulseReader) -> None:
    append = writer.ring._append

    def interrupted(payload: bytes) -> bool:
        writer.ring._append = append  # type: ignore[method-assign]
        writer.ring.append({"n": 1})
        return append(payload)

    writer.ring._append = interrupted  # type: ignore[method-assign]
    writer.ring.append({"n": 0})
    assert numbers(reader.ring()) == [0, 1]


def test_a_record_with_long_texts_is_shortened_and_its_names_stay(writer: PulseWriter, reader: PulseReader) -> None:
    stack = "outer frame, " * 5000 + "inner frame"
    assert writer.ring.append({"n": 0, "name": "n" * 200, "reason": "漢" * 20_000, "stack": stack})
    (record,) = reader.ring().records
    assert len(record.payload) <= layout.RECORD_BYTES_MAX
    assert json.loads(record.payload) == {"n": 0, "name": "n" * 200, "reason": "漢" * 1000, "stack": stack[-1000:]}


@pytest.mark.parametrize("value", [b"bytes", {1}, float("nan"), float("inf"), object()])
def test_what_is_no_json_is_refused_and_counted(value: object, writer: PulseWriter, reader: PulseReader) -> None:
    assert not writer.ring.append({"n": value})
    assert writer.ring.append({"n": 1})
    lane = reader.ring()
    assert (numbers(lane), lane.refused) == ([1], 1)


def test_strings_of_any_kind_come_through(writer: PulseWriter, reader: PulseReader) -> None:
    writer.ring.append({"text": "\x00 \x1b[31m é 漢 \U0001f600"})
    assert json.loads(reader.ring().records[0].payload)["text"] == "\x00 \x1b[31m é 漢 \U0001f600"


def test_what_is_overwritten_while_it_is_read_is_missed_not_torn(
    writer: PulseWriter, reader: PulseReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        writer.ring.append({"n": number, "x": "x" * 3000})
    copy = reader._unroll

    def overtaken(*where: int) -> bytes:
        for number in range(10, 25):
            writer.ring.append({"n": number, "x": "x" * 3000})
        return copy(*where)

    monkeypatch.setattr(reader, "_unroll", overtaken)
    lane = reader.ring()
    monkeypatch.undo()
    assert lane.torn == []
    again = reader.ring(lane.position, lane.sequence)
    assert numbers(lane) + numbers(again) == list(range(25))[-len(numbers(lane) + numbers(again)) :]
    assert lane.missed + again.missed == 25 - len(numbers(lane) + numbers(again))


def test_what_is_left_at_the_end_may_be_too_short_for_a_header(writer: PulseWriter, reader: PulseReader) -> None:
    writer.ring.append({"x": ""})
    (empty,) = reader.ring().records
    small = len(empty.payload)  # of a record without its text
    position = layout.RECORD_HEADER + layout.padded(small)
    while position < layout.RING_SIZE_MIN - 16:  # up to two words before its end
        step = min(8192, layout.RING_SIZE_MIN - 16 - position)
        assert writer.ring.append({"x": "x" * (step - layout.RECORD_HEADER - small)})
        position += step
    before = reader.ring()
    assert before.position == layout.RING_SIZE_MIN - 16
    for number in range(3):
        assert writer.ring.append({"n": number, "x": "x" * 8000})
    after = reader.ring(before.position, before.sequence)
    assert (numbers(after), after.missed, after.torn) == ([0, 1, 2], 0, [])
    for number in range(3, 12):  # the oldest go, and the words that were left out among them
        assert writer.ring.append({"n": number, "x": "x" * 8000})
    whole = reader.ring()
    assert numbers(whole)[-1] == 11
    assert (whole.missed, whole.torn) == (whole.records[0].sequence, [])


def test_a_writer_that_goes_round_during_a_read_is_caught_up_with(
    writer: PulseWriter, reader: PulseReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    unroll = PulseReader._unroll

    def goes_round(of: PulseReader, *place: int) -> bytes:
        copied = unroll(of, *place)
        for number in range(20):
            writer.ring.append({"n": number, "x": "x" * 8000})
        return copied

    writer.ring.append({"n": 99})
    with monkeypatch.context() as patched:
        patched.setattr(PulseReader, "_unroll", goes_round)
        lane = reader.ring()
    assert lane.records == []
    assert numbers(reader.ring(lane.position, lane.sequence))[-1] == 19
