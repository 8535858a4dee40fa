"""Untrusted JSON of the main process, decoded against the shapes in `wire.records`."""

from __future__ import annotations

from typing import Any, TypeVar, Union

import msgspec

from lifesign.wire import records

RingRecord = Union[records.PostconditionReport, records.TaskDump, records.TaskGroup, records.Stall, records.DryRunEvent]
BootRecord = Union[records.BootExpects, records.Checkpoint, records.BootEnded]

Record = Union[RingRecord, BootRecord]
T = TypeVar("T")


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
    "stall": msgspec.json.Decoder(records.Stall),
    "dry_run": msgspec.json.Decoder(records.DryRunEvent),
    "boot_expects": msgspec.json.Decoder(records.BootExpects),
    "checkpoint": msgspec.json.Decoder(records.Checkpoint),
    "boot_ended": msgspec.json.Decoder(records.BootEnded),
}
_identity = msgspec.json.Decoder(records.Identity)
_tombstone = msgspec.json.Decoder(records.Tombstone)


def record(payload: bytes) -> Record:
    """One record of any kind.

    Raises:
        InvalidRecordError: it is not JSON, of an unknown kind, or not of its kind's shape.
    """
    kind = _decode(_kind, payload).kind
    if kind not in _by_kind:
        raise InvalidRecordError(f"a record of unknown kind {kind[:40]!r}")
    return _decode(_by_kind[kind], payload)  # type: ignore[no-any-return]


def identity(payload: bytes) -> records.Identity:
    """The identity block; raises InvalidRecordError."""
    return _decode(_identity, payload)


def tombstone(payload: bytes | None) -> records.Tombstone | None:
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
    _check_numbers(decoded)
    return decoded


def _check_numbers(value: object) -> None:
    """JSON has numbers of any size; what is counted here fits 63 bits and is not negative, seconds fit a lifetime."""
    if isinstance(value, dict):
        for inner in value.values():
            _check_numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_numbers(inner)
    elif (isinstance(value, int) and not 0 <= value < 1 << 63) or (
        isinstance(value, float) and not abs(value) < _SECONDS_MAX
    ):
        raise InvalidRecordError("a number beyond its bounds")
