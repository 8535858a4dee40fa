"""The bytes of a pulse are where the layout's table says, so that another language could write one."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

from lifesign.wire import layout
from lifesign.wire.writer import PulseWriter


def _word(content: bytes, offset: int) -> int:
    return int(struct.unpack_from("<Q", content, offset)[0])


def test_the_header_says_what_is_where(writer: PulseWriter, tmp_path: Path) -> None:
    content = (tmp_path / "pulse").read_bytes()
    assert content[:8] == b"LIFESIGN"
    # version, file size, boot lane at and long, ring lane at and long
    assert struct.unpack_from("<6Q", content, 8) == (1, 122880 + 64 + 65536, 57344, 65536, 122880, 64 + 65536)
    assert len(content) == 122880 + 64 + 65536


def test_the_whole_file_is_allocated_before_it_is_mapped(writer: PulseWriter, tmp_path: Path) -> None:
    status = os.stat(tmp_path / "pulse")
    assert status.st_blocks * 512 >= status.st_size


def test_the_identity_block_is_length_checksum_json(writer: PulseWriter, tmp_path: Path) -> None:
    content = (tmp_path / "pulse").read_bytes()
    assert _word(content, 4096) == len('{"pid":7}')
    assert _word(content, 4104) == zlib.crc32(b'{"pid":7}')
    assert content[4112:4121] == b'{"pid":7}'


def test_the_tombstone_block_stands_at_8192(writer: PulseWriter, tmp_path: Path) -> None:
    writer.write_tombstone({"how": "clean"})
    content = (tmp_path / "pulse").read_bytes()
    assert content[8192 + 16 : 8192 + 31] == b'{"how":"clean"}'


def test_vital_signs_alternate_between_copy_a_and_b(writer: PulseWriter, tmp_path: Path) -> None:
    writer.watchdog.write(11, 22)
    writer.watchdog.write(33, 44)
    content = (tmp_path / "pulse").read_bytes()
    # The first write has sequence number 1 and goes to copy B, 128 bytes on; the second to copy A.
    assert struct.unpack_from("<3Q", content, 12288) == (2, 33, 44)
    assert struct.unpack_from("<3Q", content, 12288 + 128) == (1, 11, 22)
    assert _word(content, 12288 + 120) == zlib.crc32(content[12288 : 12288 + 120])


def test_what_a_process_uses_stands_in_slots_of_its_own(writer: PulseWriter, tmp_path: Path) -> None:
    for number, slot in enumerate((writer.usage, writer.garbage, writer.memory)):
        slot.write(11 + number)
    content = (tmp_path / "pulse").read_bytes()
    assert [_word(content, 2560 + number * 256 + 128 + 8) for number in range(3)] == [11, 12, 13]


def test_loop_slots_and_their_delays(writer: PulseWriter, tmp_path: Path) -> None:
    writer.loops[2].begin(layout.LOOP_RUNNING, 0, 0, 0)
    writer.loops[2].write(0, 0, 0, 0)
    writer.loops[2].delays[513 % layout.DELAYS] = 777  # as of beat 513, at word 1 of its ring
    content = (tmp_path / "pulse").read_bytes()
    assert struct.unpack_from("<2Q", content, 12544 + 2 * 256 + 128) == (1, 1)
    assert _word(content, 16384 + 2 * 4096 + 8) == 777


def test_an_event_counter_is_name_counts_times_deadline(writer: PulseWriter, tmp_path: Path) -> None:
    writer.events.promise("tick", 5)
    writer.events.count("order")
    writer.events.count("order", synthetic=True)
    content = (tmp_path / "pulse").read_bytes()
    first, second = 49152, 49152 + 128
    assert _word(content, first) == 4
    assert content[first + 8 : first + 12] == b"tick"
    assert _word(content, first + 8 + 64 + 4 * 8) == 5
    assert content[second + 8 : second + 13] == b"order"
    real, synthetic, mono, wall = struct.unpack_from("<4Q", content, second + 8 + 64)
    assert (real, synthetic) == (1, 1)
    assert mono > 0
    assert wall > 1_600_000_000_000_000_000


def test_a_record_is_position_sequence_length_checksum_json(writer: PulseWriter, tmp_path: Path) -> None:
    writer.ring.append({"a": 1})
    writer.ring.append({"b": 2})
    content = (tmp_path / "pulse").read_bytes()
    head, tail, following, refused = struct.unpack_from("<4Q", content, 122880)
    # Each record: 32 bytes of header, 7 of JSON padded to 8.
    assert (head, tail, following, refused) == (80, 0, 2, 0)
    data = 122880 + 64
    position, sequence, length, checksum = struct.unpack_from("<4Q", content, data + 40)
    assert (position, sequence, length) == (40, 1, 7)
    assert content[data + 40 + 32 : data + 40 + 39] == b'{"b":2}'
    assert checksum == zlib.crc32(b'{"b":2}', zlib.crc32(content[data + 40 : data + 64]))


def test_a_request_is_a_counter_at_2048(writer: PulseWriter, tmp_path: Path) -> None:
    with open(tmp_path / "pulse", "r+b") as file:
        file.seek(2048)
        file.write(struct.pack("<Q", 9))
    assert writer.requests(layout.REQUEST_DUMP) == 9
