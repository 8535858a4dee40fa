"""The process context of OpenTelemetry (OTEP 4719): who this process is, for profilers that read it from outside.

A reader finds a memory mapping by its name in ``/proc/PID/maps``. It holds a header, here with the payload behind it:
the protobuf message ``ProcessContext``. The name is that of a memory file. To name a mapping by `prctl`, as the
specification wants it besides, would need ctypes, whose import costs a program milliseconds; readers go by either.
"""

from __future__ import annotations

import mmap
import os
import sys
import time
from typing import TYPE_CHECKING, Iterable, Mapping

from lifesign import semconv
from lifesign.agent.native import sleep
from lifesign.resource import own_attributes
from lifesign.wire.mapping import Mapped

if TYPE_CHECKING:
    from lifesign.wire.records import Identity

SIGNATURE = b"OTEL_CTX"
VERSION = 2
_HEADER = 32
_PAGE = mmap.PAGESIZE
_SEALED = 2 | 8  # MFD_ALLOW_SEALING, MFD_NOEXEC_SEAL: not all Pythons have these
_MAPS_BYTES = 1 << 22  # of /proc/self/maps that are read: who has more mappings than this goes without
_PUBLISHED = tuple(kind + SIGNATURE for kind in (b"[anon:", b"[anon_shmem:", b"/memfd:"))  # as a mapping is named


class ProcessContext(Mapped):
    """The mapping, in which nothing is published yet.

    A forked child does not have it, and what is at its place there belongs to somebody else. So whoever holds this must
    not let go of it in a child, not even as the interpreter ends.

    Raises:
        OSError: the system does not let us have one.
    """

    def __init__(self, size: int) -> None:
        descriptor = _memory_file()
        try:
            size = (size + _PAGE - 1) // _PAGE * _PAGE
            os.ftruncate(descriptor, size)
            super().__init__(descriptor, size, mmap.MAP_PRIVATE)
        finally:
            os.close(descriptor)
        self.advise(mmap.MADV_DONTFORK)

    def publish(self, payload: bytes) -> bool:
        """Publishes it; False where there is one already, or its address is not to be had."""
        address = _own_address()
        if address is None:
            return False
        words = self.content[:_HEADER].cast("Q")
        self.content[_HEADER : _HEADER + len(payload)] = payload
        words[1] = VERSION | len(payload) << 32
        words[3] = address + _HEADER
        self.content[0:8] = SIGNATURE
        sleep(0)  # gives the GIL away and takes it again: a barrier between what was written and what will be
        words[2] = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        words.release()
        return True


def publish(identity: Identity) -> ProcessContext | None:
    """Publishes the Resource of this process, as far as it knows it; None where that is not possible here."""
    if sys.platform != "linux" or sys.byteorder != "little" or not hasattr(os, "memfd_create"):
        return None
    payload = encode(own_attributes(identity), {semconv.RUN_ID: identity["instance"]})
    try:
        context = ProcessContext(_HEADER + len(payload))
    except (OSError, ValueError):  # a sandbox
        return None
    if context.publish(payload):
        return context
    context.close()
    return None


def encode(resource: Mapping[str, str], attributes: Mapping[str, str]) -> bytes:
    """The message ``opentelemetry.proto.processcontext.v1development.ProcessContext``, all of whose values are text."""
    return _field(1, b"".join(_key_values(1, resource))) + b"".join(_key_values(2, attributes))


def _key_values(number: int, of: Mapping[str, str]) -> Iterable[bytes]:
    for key, value in of.items():
        yield _field(number, _field(1, _text(key)) + _field(2, _field(1, _text(value))))


def _text(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _field(number: int, content: bytes) -> bytes:
    """A field with a length: the number and the type, the length as a varint, the content."""
    length, size = bytearray(), len(content)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes((number << 3 | 2,)) + length + content


def _memory_file() -> int:
    name = SIGNATURE.decode()
    try:
        return os.memfd_create(name, os.MFD_CLOEXEC | _SEALED)
    except OSError:  # an older kernel
        return os.memfd_create(name, os.MFD_CLOEXEC)


def _is_published(line: bytes) -> bool:
    return any(name in line for name in _PUBLISHED)


def _own_address() -> int | None:
    """Where the only mapping of that name begins; None if there is another, which is the service's own."""
    content = bytearray()
    descriptor = os.open("/proc/self/maps", os.O_RDONLY | os.O_CLOEXEC)
    try:
        while len(content) < _MAPS_BYTES:
            read = os.read(descriptor, 1 << 16)
            if not read:
                # Not by a pattern: to compile it makes so many objects that Python collects garbage, in this thread.
                found = [line for line in bytes(content).splitlines() if SIGNATURE in line and _is_published(line)]
                return int(found[0].partition(b"-")[0], 16) if len(found) == 1 else None
            content += read
    finally:
        os.close(descriptor)
    return None
