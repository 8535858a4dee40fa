"""A pulse of its own for every test, and the two sides of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from lifesign.wire.reader import PulseReader
from lifesign.wire.writer import PulseWriter

IDENTITY = {"pid": 7}
RING = 65536  # the smallest


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[PulseWriter]:
    pulse = PulseWriter(str(tmp_path / "pulse"), IDENTITY, RING)
    yield pulse
    pulse.close()


@pytest.fixture
def reader(writer: PulseWriter, tmp_path: Path) -> Iterator[PulseReader]:
    yield from _open(tmp_path)


@pytest.fixture
def overwrite(writer: PulseWriter, tmp_path: Path) -> Callable[[int, bytes], None]:
    """Writes bytes over the pulse file, as whoever owns the main container might."""

    def write(offset: int, content: bytes) -> None:
        with open(tmp_path / "pulse", "r+b") as file:
            file.seek(offset)
            file.write(content)

    return write


def _open(folder: Path) -> Iterator[PulseReader]:
    descriptor = os.open(folder, os.O_RDONLY)
    pulse = PulseReader(descriptor)
    yield pulse
    pulse.close()
    os.close(descriptor)


def record(number: int, padding: int = 0) -> dict[str, Any]:
    return {"n": number, "x": "x" * padding}
