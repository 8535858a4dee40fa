"""A map whose descriptor a program closes, and gives to a file of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lifesign.wire.mapping import MappedFile

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 13), reason="from 3.13 on a map keeps no descriptor")


@pytest.fixture
def mapped(tmp_path: Path) -> tuple[MappedFile, int]:
    """A map, and the number of its descriptor."""
    file = MappedFile(str(tmp_path / "pulse"), 4096, 0o600)
    made = (tmp_path / "pulse").stat()
    return file, next(number for number in range(3, 256) if _is(number, made))


def _is(number: int, made: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(number), made)
    except OSError:
        return False


def test_a_number_that_nobody_has_is_no_trouble(mapped: tuple[MappedFile, int]) -> None:
    file, number = mapped
    os.close(number)
    file.close()


@pytest.mark.parametrize("inheritable", [False, True])
def test_the_number_stays_with_who_has_it_now(
    mapped: tuple[MappedFile, int], tmp_path: Path, inheritable: bool
) -> None:
    file, number = mapped
    theirs = os.open(tmp_path / "theirs", os.O_RDWR | os.O_CREAT)
    os.dup2(theirs, number, inheritable)
    file.close()
    assert os.path.sameopenfile(theirs, number)
    assert os.get_inheritable(number) == inheritable
    os.close(number)
    os.close(theirs)


def test_without_a_descriptor_to_spare_the_map_stays(
    mapped: tuple[MappedFile, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, number = mapped
    theirs = os.open(tmp_path / "theirs", os.O_RDWR | os.O_CREAT)
    os.dup2(theirs, number)

    def none_left(_: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "dup", none_left)
    file.close()
    assert os.path.sameopenfile(theirs, number)
    monkeypatch.undo()
    file._map.close()  # and with it what stands at the number
    os.close(theirs)
