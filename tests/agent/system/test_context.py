"""The process context is what a reader of OTEP 4719 finds, byte by byte, and it is one of a kind."""

from __future__ import annotations

import errno
import gc
import os
import time
from typing import Any, Iterator

import pytest

from lifesign.agent.system import context
from lifesign.agent.system.context import ProcessContext, encode, publish
from support.backends.process_context import mappings, read
from support.mainprocess import identity

INSTANCE = "0b5f7a52-0000-4000-8000-000000000001"


@pytest.fixture
def published() -> Iterator[list[ProcessContext]]:
    """Closes what is put in."""
    made: list[ProcessContext] = []
    yield made
    for one in made:
        one.close()
    assert mappings("self") == []


def test_the_message_byte_by_byte() -> None:
    assert encode({"a": "b"}, {"c": "d", "e": ""}) == bytes.fromhex(
        "0a0a"  # field 1, the Resource: 10 bytes
        "0a08"  # its field 1, a KeyValue: 8 bytes
        "0a0161"  # field 1, the key: "a"
        "12030a0162"  # field 2, the AnyValue: its field 1, a string, "b"
        "1208"  # field 2, a KeyValue: 8 bytes
        "0a0163"
        "12030a0164"
        "1207"
        "0a0165"
        "12020a00"
    )
    assert encode({"k": "v" * 300}, {})[:3] == bytes.fromhex("0ab802")  # 312 bytes: 0x38 and the bit, then 2
    assert encode({}, {}) == b"\n\0"


def test_a_reader_finds_who_we_are(published: list[ProcessContext]) -> None:
    given = f"team=a%2Cb,service.instance.id=shop,note={'x' * 5000}%C3%A4"
    me: Any = identity(otel_service_name="Läden", otel_resource_attributes=given, worker=True)
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    made = publish(me)
    assert made is not None
    published.append(made)
    found = read("self")
    assert found is not None
    assert found.resource == {
        "service.name": "Läden",
        "service.instance.id": "shop-4242",
        "team": "a,b",
        "note": "x" * 1024,
    }
    assert found.attributes == {"lifesign.run.id": INSTANCE}
    assert before <= found.published <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def test_what_the_services_environment_does_not_say_is_not_made_up(published: list[ProcessContext]) -> None:
    made = publish(identity())  # type: ignore[arg-type]
    assert made is not None
    published.append(made)
    found = read("self")
    assert found is not None
    assert found.resource == {"service.instance.id": INSTANCE}


def test_there_is_one_at_a_time(published: list[ProcessContext]) -> None:
    first = publish(identity())  # type: ignore[arg-type]
    assert first is not None
    published.append(first)
    assert publish(identity()) is None  # type: ignore[arg-type]
    assert len(mappings("self")) == 1


def test_its_descriptors_are_closed(published: list[ProcessContext]) -> None:
    gc.collect()
    before = set(os.listdir("/proc/self/fd"))
    made = publish(identity())  # type: ignore[arg-type]
    assert made is not None
    assert len(set(os.listdir("/proc/self/fd")) - before) <= 1  # before Python 3.13 a map keeps one
    made.close()
    assert set(os.listdir("/proc/self/fd")) <= before


def test_without_memory_files_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(name: str, flags: int) -> int:
        raise OSError(errno.EPERM, "seccomp")

    monkeypatch.setattr(os, "memfd_create", forbidden)
    assert publish(identity()) is None  # type: ignore[arg-type]
    monkeypatch.delattr(os, "memfd_create")
    assert publish(identity()) is None  # type: ignore[arg-type]
    assert mappings("self") == []


def test_an_older_kernel_does_not_know_the_seal(
    published: list[ProcessContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.memfd_create

    def older(name: str, flags: int) -> int:
        if flags & 8:
            raise OSError(errno.EINVAL, "unknown flag")
        return real(name, flags)

    monkeypatch.setattr(os, "memfd_create", older)
    made = publish(identity())  # type: ignore[arg-type]
    assert made is not None
    published.append(made)
    assert read("self") is not None


def test_one_with_endless_mappings_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "_MAPS_BYTES", 1)
    assert publish(identity()) is None  # type: ignore[arg-type]
    assert mappings("self") == []
