"""A lane of records: how one is encoded and written by the main process, and parsed and checked by whoever reads it."""

from __future__ import annotations

import struct
from _thread import RLock  # not threading's, which gevent or eventlet may have put another in the place of
from collections import deque
from typing import Any, Callable, Mapping, Sequence
from zlib import crc32

from lifesign.wire import layout

c_json: Any
try:
    import _json as c_json  # the module around it costs more to import than all of this file
except ImportError:
    c_json = None

_WORD = layout.WORD
_HEADER = layout.RECORD_HEADER
_LANE_HEADER = layout.LANE_HEADER
_BYTES_MAX = layout.RECORD_BYTES_MAX
_SPARE = 4096  # bytes of old records that make room at once, for some that follow
_FAILURE_BYTES = 24576  # of an exception, which leaves room for the rest of a record
_SHORTENED = (1000, 300, 100, 30, 20)  # characters of each text, for what is too long otherwise
_IDS = frozenset(("kind", "id", "trace", "span", "dump", "same_as", "boot_span", "parent_span", "instance"))
_NAMES = frozenset(("name", "names", "type"))
_ENDS = frozenset(("stack", "file"))


def _encoder() -> Callable[[Any, int], Sequence[str]]:
    """What `json.JSONEncoder.encode` makes anew for each text, in C; of a cycle it says RecursionError."""
    if c_json is None:
        import json

        plain = json.JSONEncoder(check_circular=False, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return lambda content, _: (plain.encode(content),)
    made: Callable[[Any, int], Sequence[str]] = c_json.make_encoder(
        None, _is_no_json, c_json.encode_basestring, None, ":", ",", False, False, False
    )
    return made


def _quoting() -> Callable[[str], str]:
    """What makes JSON of a text."""
    if c_json is None:
        from json import encoder

        return encoder.encode_basestring
    quoting: Callable[[str], str] = c_json.encode_basestring
    return quoting


def _is_no_json(value: object) -> None:
    raise TypeError(f"a record holds a {type(value).__name__}")


_chunks = _encoder()
quoted = _quoting()
_checked = struct.Struct("<3Q").pack  # what the checksum of a header covers
_header = struct.Struct("<4Q")
_stamp, _stamped = _header.pack, _header.unpack_from
_TORN_BYTES = 512  # of a torn record that are kept
# What one read may cost, whoever wrote the lane. A writer that is killed leaves one torn record, of known length.
_TORN_MAX = 16
_STEPS_MAX = 1 << 14  # records and fillers; the next read goes on behind them
_SEQUENCE_MAX = 1 << 62


def encode(content: Mapping[str, Any], most: int = layout.RECORD_BYTES_MAX) -> bytes:
    """Compact JSON, in at most so many bytes if that can be had by shortening its texts.

    Raises:
        TypeError, ValueError, RecursionError: it holds what JSON does not have.
    """
    # "replace": the user's strings may hold half a surrogate pair, and no decoder of JSON takes that.
    payload = "".join(_chunks(content, 0)).encode("utf-8", "replace")
    if len(payload) <= most:
        return payload
    for characters in _SHORTENED:
        payload = "".join(_chunks(_shortened(content, characters, ""), 0)).encode("utf-8", "replace")
        if len(payload) <= most:
            break
    return payload


def encode_failure(error: Mapping[str, Any]) -> str:
    """An exception as JSON, for a template: short enough to fit whatever else is in the record."""
    return encode(error, _FAILURE_BYTES).decode()


def _shortened(content: Any, characters: int, key: str) -> Any:
    """The same with no text longer than so many characters; of a stack and of a path the end is kept.

    Ids stay whole, and names while there is another way: they say what belongs together.
    """
    if isinstance(content, str):
        if key in _IDS or (key in _NAMES and characters != _SHORTENED[-1]):
            return content
        return content[-characters:] if key in _ENDS else content[:characters]
    if isinstance(content, dict):
        return {inner: _shortened(value, characters, inner) for inner, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_shortened(value, characters, key) for value in content]
    return content


class LaneWriter:
    """A lane of records; see `wire.layout`."""

    def __init__(self, content: memoryview, offset: int, size: int, lock: RLock, *, wraps: bool) -> None:
        self._bytes = content[offset : offset + size]
        self._words = self._bytes.cast("Q")
        self._size = size - _LANE_HEADER
        self._lock = lock
        self._wraps = wraps
        self._head = self._tail = self._sequence = self._refused = 0
        self._free_to = 0  # the position up to which the head may move, as far as `_make_room` has looked
        self._writing = False
        self._interrupting: deque[bytes] = deque()

    @property
    def written(self) -> int:
        """How many bytes have been written in all."""
        return self._head

    def append(self, record: Mapping[str, Any]) -> bool:
        """Writes one record (JSON-ready); False, and counted, when it cannot be written or the lane is full.

        One that is too long has its texts shortened.
        """
        try:
            payload = encode(record)
        except (TypeError, ValueError, RecursionError):
            payload = b""
        return self.write(payload)

    def write(self, payload: bytes) -> bool:
        """Writes one record that is JSON already, in UTF-8; what comes often is made from a template."""
        with self._lock:
            if self._writing:  # a signal handler interrupted us in this very thread: after the one under way
                self._interrupting.append(payload)
                return True
            self._writing = True
            try:
                written = self._append(payload)
                while self._interrupting:
                    self._append(self._interrupting.popleft())
                return written
            finally:
                self._writing = False

    def _append(self, payload: bytes) -> bool:
        length = len(payload)
        step = _HEADER + (length + 7 & ~7)
        if not 0 < length <= _BYTES_MAX or (self._head + step > self._free_to and not self._make_room(step)):
            self._refused += 1
            self._words[3] = self._refused
            return False
        head, sequence, words = self._head, self._sequence, self._words
        record = _stamp(head, sequence, length, crc32(payload, crc32(_checked(head, sequence, length)))) + payload
        start = _LANE_HEADER + head % self._size
        self._bytes[start : start + len(record)] = record
        self._head = words[0] = head + step
        self._sequence = words[2] = sequence + 1
        return True

    def _make_room(self, needed: int) -> bool:
        size = self._size
        if not self._wraps:
            self._free_to = size
            return self._head + needed <= size
        to_end = size - self._head % size
        if needed > to_end:
            self._move_tail(self._head + to_end)
            # What is left at the end may be too short for a filler's header: then it is skipped by rule.
            if to_end >= _HEADER:
                self._fill(to_end)
            self._head += to_end
            to_end = size
        if self._head + needed - self._tail > size:
            self._move_tail(self._head + needed + _SPARE)
        self._free_to = min(self._head + to_end, self._tail + size)
        return True

    def _fill(self, step: int) -> None:
        """Bridges the end of the lane."""
        head, length = self._head, (step - _HEADER) | layout.FILLER
        start = _LANE_HEADER + head % self._size
        self._bytes[start : start + _HEADER] = _stamp(head, 0, length, crc32(_checked(head, 0, length)))
        self._words[0] = head + step

    def _move_tail(self, end: int) -> None:
        tail, size = self._tail, self._size
        while end - tail > size:
            at = tail % size
            if size - at < _HEADER:
                tail += size - at
                continue
            length = self._words[(_LANE_HEADER + at) // _WORD + 2] & ~layout.FILLER
            step = _HEADER + (length + 7 & ~7)
            # The file is shared: if somebody else scribbled here, give up the old records, not the host.
            tail = tail + step if step <= size - at else self._head
        self._words[1] = self._tail = tail

    def release(self) -> None:
        self._words.release()
        self._bytes.release()


class LaneRecord:
    """One record as it lies in its lane, its JSON not yet decoded."""

    __slots__ = ("payload", "sequence")

    def __init__(self, sequence: int, payload: bytes) -> None:
        self.sequence = sequence
        self.payload = payload


class LaneRead:
    """What a read of a lane brought.

    `position` and `sequence` are where the next read goes on; `missed` counts records that were
    overwritten before they were read or could not be recognised, `torn` is the data at places whose
    checksum does not match, `refused` counts all the records that the writer could not put in so far.
    """

    def __init__(
        self, records: list[LaneRecord], position: int, sequence: int, missed: int, torn: list[bytes], refused: int
    ) -> None:
        self.records = records
        self.position = position
        self.sequence = sequence
        self.missed = missed
        self.torn = torn
        self.refused = refused


def parse(raw: bytes, position: int, sequence: int, size: int, refused: int) -> LaneRead:
    """The records in `raw`, which begins at `position` of a lane whose data has `size` bytes.

    Args:
        sequence: the number that the first record is expected to have.
        refused: passed on.
    """
    records: list[LaneRecord] = []
    torn: list[bytes] = []
    missed = offset = steps = 0
    while len(raw) - offset >= _HEADER:
        if steps == _STEPS_MAX:
            return LaneRead(records, position, sequence, missed, torn, refused)
        steps += 1
        to_end = size - position % size
        if to_end < _HEADER:
            offset += to_end
            position += to_end
            continue
        stored, number, length, checksum = _stamped(raw, offset)
        filler = bool(length & layout.FILLER)
        length &= ~layout.FILLER
        body = offset + _HEADER
        step = _HEADER + layout.padded(length)
        payload = b"" if filler else raw[body : body + length]
        if (
            stored != position
            or step > min(to_end, len(raw) - offset)
            or (not filler and length > _BYTES_MAX)
            or number > _SEQUENCE_MAX
            or crc32(payload, crc32(raw[offset : offset + 24])) != checksum
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
