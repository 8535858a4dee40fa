"""More event loops than a pulse has room for: files beside it, which an older sidecar does not miss."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lifesign.wire import layout
from lifesign.wire.loops import LoopsFile
from lifesign.wire.reader import PulseReader
from lifesign.wire.writer import PulseWriter


@pytest.fixture
def full(writer: PulseWriter) -> PulseWriter:
    """A pulse all of whose slots have been used."""
    for slot in range(layout.LOOPS):
        writer.loops[slot].begin(layout.LOOP_RUNNING, slot, 1, 1)
        writer.loops[slot].write(1, 1, 1, 0)
    return writer


def more(writer: PulseWriter, folder: Path, number: int = 1) -> None:
    writer.add_loops(LoopsFile(str(folder / f"loops-{number}"), 0o600))


def used(reader: PulseReader) -> list[int]:
    return [signs.slot for signs in reader.vitals().loops if signs is not None]


def folder_of(reader: PulseReader) -> Path:
    return Path(os.readlink(f"/proc/self/fd/{reader._directory}"))


def test_they_come_through_from_all_files(full: PulseWriter, reader: PulseReader) -> None:
    for number in range(1, 9):
        more(full, folder_of(reader), number)
    assert len(full.loops) == layout.LOOPS_MAX == 256
    for slot in range(8, 256):
        full.loops[slot].begin(layout.LOOP_RUNNING, slot, 1, 1)
        full.loops[slot].write(600, 1, slot, 0)
        full.loops[slot].delays[599 % 512] = 1000 + slot
    vitals = reader.vitals()
    assert [signs and (signs.slot, signs.generation) for signs in vitals.loops] == [(slot, slot) for slot in range(256)]
    assert [vitals.delays[slot][599 % 512] for slot in (8, 38, 39, 255)] == [1008, 1038, 1039, 1255]


def test_an_agent_that_makes_none_has_eight(full: PulseWriter, reader: PulseReader) -> None:
    assert used(reader) == list(range(8))
    assert len(reader.vitals().loops) == 8


OTHER_VERSION = b"LIFELOOP" + (2).to_bytes(8, "little") * 20_000


@pytest.mark.parametrize("content", [b"", b"LIFELOOP", bytes(200_000), OTHER_VERSION])
def test_a_file_that_is_none_of_ours_harms_nobody(content: bytes, full: PulseWriter, reader: PulseReader) -> None:
    (folder_of(reader) / "loops-1").write_bytes(content)
    assert used(reader) == list(range(8))


def test_a_link_is_not_followed(full: PulseWriter, reader: PulseReader, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    more(full, elsewhere)
    full.loops[8].begin(layout.LOOP_RUNNING, 8, 1, 1)
    full.loops[8].write(1, 1, 1, 0)
    (folder_of(reader) / "loops-1").symlink_to(elsewhere / "loops-1")
    assert used(reader) == list(range(8))


def test_a_file_that_is_cut_is_as_if_it_were_not_there(full: PulseWriter, reader: PulseReader) -> None:
    more(full, folder_of(reader))
    full.loops[8].begin(layout.LOOP_RUNNING, 8, 1, 1)
    full.loops[8].write(1, 1, 1, 0)
    assert used(reader) == list(range(9))
    file = folder_of(reader) / "loops-1"
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content[:-1])
    full.close()
    assert used(reader) == list(range(9))  # what is open stays so
