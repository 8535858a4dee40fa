"""Reads the process context of a process as OTEP 4719 tells readers to, from outside."""

from __future__ import annotations

import os
import struct
from typing import Iterator, NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

NAMES = ("[anon_shmem:OTEL_CTX]", "[anon:OTEL_CTX]", "/memfd:OTEL_CTX")
ATTEMPTS = 100


class Found(NamedTuple):
    """The Resource and the other attributes of a context, and when it was published (`CLOCK_BOOTTIME`)."""

    resource: dict[str, str]
    attributes: dict[str, str]
    published: int


def mappings(pid: int | str) -> list[int]:
    """Where the mappings of that name begin."""
    with open(f"/proc/{pid}/maps") as maps:
        lines = [line.split(maxsplit=5) for line in maps]
    return [int(line[0].split("-")[0], 16) for line in lines if len(line) == 6 and line[5].startswith(NAMES)]


def read(pid: int | str) -> Found | None:
    """The context of a process; None where it publishes none."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for address in mappings(pid):
            found = _read_at(memory.fileno(), address)
            if found is not None:
                return found
    return None


def _read_at(memory: int, address: int) -> Found | None:
    try:
        for _ in range(ATTEMPTS):
            signature, version, size, published, payload = struct.unpack("<8sIIQQ", os.pread(memory, 32, address))
            if (signature, version) != (b"OTEL_CTX", 2):
                return None
            if not published:
                continue
            content = os.pread(memory, size, payload)
            if struct.unpack("<Q", os.pread(memory, 8, address + 16))[0] == published:
                return Found(*_decoded(content), published)
    except OSError:  # it was there a moment ago
        return None
    return None


def _decoded(content: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """A ``ProcessContext``: its Resource (field 1), and attributes besides (field 2)."""
    resource, attributes = Resource(), []
    for number, field in _fields(content):
        if number == 1:
            resource.MergeFromString(field)
        else:
            attributes.append(KeyValue.FromString(field))
    return _as_dict(resource.attributes), _as_dict(attributes)


def _as_dict(pairs: object) -> dict[str, str]:
    made = [(pair.key, pair.value.string_value) for pair in pairs]  # type: ignore[attr-defined]
    assert len(dict(made)) == len(made), "a key stands there twice"
    return dict(made)


def _fields(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(content):
        assert content[at] & 7 == 2, "not a field with a length"
        number, at, size, shift = content[at] >> 3, at + 1, 0, 0
        while True:
            size |= (content[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not content[at - 1] & 0x80:
                break
        assert at + size <= len(content), "cut off"
        yield number, content[at : at + size]
        at += size
