"""One line of the spool: a Resource, a Span or a Log as tagged JSON that ends in a newline."""

from __future__ import annotations

from typing import Union

import msgspec

from lifesign.watch.telemetry import Attributes, Log, Resource, Span, Telemetry

RESOURCE_PREFIX = b'{"type":"resource"'  # the tag comes first in what msgspec writes


class LineError(ValueError):
    """This line, or this record, cannot stand in a spool; the message says why."""


class _ResourceLine(msgspec.Struct, tag="resource", frozen=True):
    key: str
    attributes: Attributes


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Union[_ResourceLine, Span, Log])


def encode(content: Resource | Telemetry) -> bytes:
    """The line of a resource or record.

    Raises:
        LineError: a text in it is not Unicode, or a number does not fit JSON.
    """
    if isinstance(content, Resource):
        return _encode(_ResourceLine(content.key, content.attributes))
    return _encode(content)


def _encode(content: _ResourceLine | Telemetry) -> bytes:
    try:
        return _encoder.encode(content) + b"\n"
    except (ValueError, OverflowError, TypeError) as error:
        raise LineError(f"cannot be written: {error}") from None


def decode(line: bytes) -> Resource | Telemetry:
    """What stands in a line.

    Raises:
        LineError: it is torn, not JSON, or not of the shape of a record.
    """
    try:
        content = _decoder.decode(line)
    except (ValueError, RecursionError) as error:
        raise LineError(str(error)) from None
    if isinstance(content, _ResourceLine):
        return Resource(content.key, content.attributes)
    record: Telemetry = content
    return record
