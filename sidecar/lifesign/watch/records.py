"""Records out of a pulse: untrusted JSON, decoded against the shapes in `wire.records`.

Lost records are counted, unreadable ones set aside.
"""

from __future__ import annotations

from typing import Any, Callable, Generic, Iterable, Iterator, TypeVar, Union, cast

import msgspec

from lifesign.watch.cursors import Cursor
from lifesign.watch.dead_letter import DeadLetters
from lifesign.wire import complaints, records, stalls, threads
from lifesign.wire.lane import LaneRead

RingRecord = Union[
    records.PostconditionReport,
    records.TaskDump,
    records.TaskGroup,
    records.TaskPrimitive,
    threads.ThreadGroup,
    threads.ExecutorState,
    records.Stall,
    records.DryRunEvent,
    records.DryRunTotals,
    records.AgentWarning,
    complaints.AsyncioComplaint,
    complaints.TaskDied,
    complaints.TaskEnded,
    stalls.StallCulprit,
    stalls.StallTotals,
    stalls.BusyLoop,
]
BootRecord = Union[records.BootExpects, records.Checkpoint, records.BootEnded]

Record = Union[RingRecord, BootRecord]
T = TypeVar("T")
R = TypeVar("R")


_COUNT_MAX = 1 << 61  # of records; the writer of the lane may claim any number
_COUNTED_MAX = 1 << 63
_SECONDS_MAX = 1e9  # 31 years; as nanoseconds it still fits 63 bits


class InvalidRecordError(ValueError):
    """A record that does not have the shape it should have; the message says where."""


class _Kind(msgspec.Struct):
    kind: str


_kind = msgspec.json.Decoder(_Kind)
_by_kind: dict[str, msgspec.json.Decoder[Any]] = {
    "postconditions": msgspec.json.Decoder(records.PostconditionReport),
    "task_dump": msgspec.json.Decoder(records.TaskDump),
    "task_group": msgspec.json.Decoder(records.TaskGroup),
    "task_primitive": msgspec.json.Decoder(records.TaskPrimitive),
    "thread_group": msgspec.json.Decoder(threads.ThreadGroup),
    "executor": msgspec.json.Decoder(threads.ExecutorState),
    "stall": msgspec.json.Decoder(records.Stall),
    "dry_run": msgspec.json.Decoder(records.DryRunEvent),
    "boot_expects": msgspec.json.Decoder(records.BootExpects),
    "dry_run_totals": msgspec.json.Decoder(records.DryRunTotals),
    "agent_warning": msgspec.json.Decoder(records.AgentWarning),
    "asyncio_complaint": msgspec.json.Decoder(complaints.AsyncioComplaint),
    "task_died": msgspec.json.Decoder(complaints.TaskDied),
    "task_ended": msgspec.json.Decoder(complaints.TaskEnded),
    "stall_culprit": msgspec.json.Decoder(stalls.StallCulprit),
    "stall_totals": msgspec.json.Decoder(stalls.StallTotals),
    "busy_loop": msgspec.json.Decoder(stalls.BusyLoop),
    "checkpoint": msgspec.json.Decoder(records.Checkpoint),
    "boot_ended": msgspec.json.Decoder(records.BootEnded),
}
_BEGINNING = b'{"kind":"'
_by_beginning = {_BEGINNING + kind.encode(): decoder for kind, decoder in _by_kind.items()}
_identity = msgspec.json.Decoder(records.Identity)
_tombstone = msgspec.json.Decoder(records.Tombstone)


def decode_record(payload: bytes) -> Record:
    """One record of any kind.

    Raises:
        InvalidRecordError: it is not JSON, of an unknown kind, or not of its kind's shape.
    """
    decoder = _by_beginning.get(payload[: payload.find(b'"', len(_BEGINNING))])
    if decoder is None:  # the agent writes the kind first; if another one follows, the decoder does not take it
        kind = _decode(_kind, payload).kind
        if kind not in _by_kind:
            raise InvalidRecordError(f"a record of unknown kind {kind[:40]!r}")
        decoder = _by_kind[kind]
    return _decode(decoder, payload)  # type: ignore[no-any-return]


def decode_identity(payload: bytes) -> records.Identity:
    """The identity block; raises InvalidRecordError."""
    return _decode(_identity, payload)


def decode_tombstone(payload: bytes | None) -> records.Tombstone | None:
    """The tombstone; None where there is none that can be read."""
    try:
        return None if payload is None else _decode(_tombstone, payload)
    except InvalidRecordError:
        return None


def _decode(decoder: msgspec.json.Decoder[T], payload: bytes) -> T:
    try:
        decoded = decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRecordError(str(error)) from None
    if isinstance(decoded, dict):
        _check_numbers(decoded.values())
    return decoded


def _check_numbers(values: Iterable[object]) -> None:
    """JSON has numbers of any size; what is counted here fits 63 bits and is not negative, seconds fit a lifetime."""
    for value in values:
        kind = type(value)
        if kind is int:
            fits = 0 <= value < _COUNTED_MAX  # type: ignore[operator]  # it is an int
        elif kind is float:
            fits = abs(value) < _SECONDS_MAX  # type: ignore[arg-type]  # it is a float
        else:
            if kind is dict:
                _check_numbers(value.values())  # type: ignore[attr-defined]  # it is a dict
            elif kind is list:
                _check_numbers(value)  # type: ignore[arg-type]  # it is a list
            continue
        if not fits:
            raise InvalidRecordError("a number beyond its bounds")


class Lane(Generic[R]):
    """Reads on where it stopped, or where an earlier sidecar stopped.

    Args:
        read: `PulseReader.boot` or `PulseReader.ring`.
        kinds: the kinds of record that belong into this lane.
        process: the name of the process's folder.
        cursor: where it stopped in the ring, and what it had counted by then; None for the beginning.
    """

    def __init__(
        self,
        read: Callable[[int, int], LaneRead],
        kinds: frozenset[str],
        process: str,
        dead_letters: DeadLetters,
        cursor: Cursor | None = None,
    ) -> None:
        self._read = read
        self._kinds = kinds
        self._process = process
        self._dead_letters = dead_letters
        cursor = cursor or Cursor()
        self.position = cursor.ring_position
        self.sequence = cursor.ring_sequence
        self.missed = cursor.ring_missed  # records overwritten before we came, or refused by the writer
        self.invalid = cursor.ring_invalid  # records, or what is left of them, that could not be read
        self._refused = cursor.ring_refused

    def keep(self, cursor: Cursor) -> None:
        """Notes in `cursor` where it is in the ring."""
        cursor.ring_position = self.position
        cursor.ring_sequence = self.sequence
        cursor.ring_missed = self.missed
        cursor.ring_invalid = self.invalid
        cursor.ring_refused = self._refused

    def records(self) -> Iterator[tuple[int, R]]:
        """The new records, each with its sequence number."""
        lane = self._read(self.position, self.sequence)
        self.position, self.sequence = lane.position, lane.sequence
        # A torn record leaves a gap in the sequence as an overwritten one does; it is counted once.
        missed = max(0, lane.missed - len(lane.torn)) + max(0, lane.refused - self._refused)
        self.missed = min(self.missed + missed, _COUNT_MAX)
        self._refused = max(self._refused, lane.refused)
        for content in lane.torn:
            self._set_aside("its checksum does not hold", content)
        for read in lane.records:
            try:
                record = decode_record(read.payload)
                if record["kind"] not in self._kinds:
                    raise InvalidRecordError(f"a record of kind {record['kind']!r} is in the wrong lane")
            except InvalidRecordError as error:
                self._set_aside(str(error), read.payload)
                continue
            yield read.sequence, cast("R", record)

    def _set_aside(self, why: str, payload: bytes) -> None:
        self.invalid += 1
        self._dead_letters.keep(self._process, why, payload)
