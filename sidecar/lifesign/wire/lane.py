"""Records from the bytes of a lane, each one checked before it is used."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from lifesign.wire import layout

_WORD = layout.WORD
_TORN_BYTES = 512  # of a torn record that are kept
# What one read may cost, whoever wrote the lane. A writer that is killed leaves one torn record, of known length.
_TORN_MAX = 16
_STEPS_MAX = 1 << 14  # records and fillers; the next read goes on behind them
_SEQUENCE_MAX = 1 << 62


class LaneRecord(NamedTuple):
    """One record as it lies in its lane, its JSON not yet decoded."""

    sequence: int
    payload: bytes


class LaneRead(NamedTuple):
    """What a read of a lane brought.

    `position` and `sequence` are where the next read goes on; `missed` counts records that were
    overwritten before they were read or could not be recognised, `torn` is the data at places whose
    checksum does not match, `refused` counts all the records that the writer could not put in so far.
    """

    records: list[LaneRecord]
    position: int
    sequence: int
    missed: int
    torn: list[bytes]
    refused: int


def parse(raw: bytes, position: int, sequence: int, size: int, refused: int) -> LaneRead:
    """The records in `raw`, which begins at `position` of a lane whose data has `size` bytes.

    Args:
        sequence: the number that the first record is expected to have.
        refused: passed on.
    """
    records: list[LaneRecord] = []
    torn: list[bytes] = []
    missed = offset = steps = 0
    while len(raw) - offset >= layout.RECORD_HEADER:
        if steps == _STEPS_MAX:
            return LaneRead(records, position, sequence, missed, torn, refused)
        steps += 1
        to_end = size - position % size
        if to_end < layout.RECORD_HEADER:
            offset += to_end
            position += to_end
            continue
        stored, number, length, checksum = struct.unpack_from("<4Q", raw, offset)
        filler = bool(length & layout.FILLER)
        length &= ~layout.FILLER
        body = offset + layout.RECORD_HEADER
        step = layout.RECORD_HEADER + layout.padded(length)
        payload = b"" if filler else raw[body : body + length]
        if (
            stored != position
            or step > min(to_end, len(raw) - offset)
            or (not filler and length > layout.RECORD_BYTES_MAX)
            or number > _SEQUENCE_MAX
            or zlib.crc32(payload, zlib.crc32(raw[offset : offset + 24])) != checksum
        ):
            # Without a valid header nobody knows where the next one starts: search word by word.
            skip = len(raw) if len(torn) == _TORN_MAX else _next_header(raw, offset + _WORD, position + _WORD)
            torn.append(raw[offset : min(skip, offset + _TORN_BYTES)])
            position += skip - offset
            offset = skip
            continue
        if not filler:
            missed += max(0, number - sequence)
            sequence = number + 1
            records.append(LaneRecord(number, payload))
        offset += step
        position += step
    return LaneRead(records, position + len(raw) - offset, sequence, missed, torn, refused)


def _next_header(raw: bytes, offset: int, position: int) -> int:
    """The offset of the next word that holds its own position, as the first word of a header does.

    It searches no further than one record: more garbage than that was not left by a writer killed in the middle.
    """
    last = min(len(raw) - layout.RECORD_HEADER, offset + layout.RECORD_HEADER + layout.RECORD_BYTES_MAX)
    while offset <= last:
        if struct.unpack_from("<Q", raw, offset)[0] == position:
            return offset
        offset += _WORD
        position += _WORD
    return len(raw)
