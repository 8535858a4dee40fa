"""What we make is writable for us alone, whatever the umask."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lifesign.cli.output.permissions import closed_to_others


@pytest.fixture(params=[0o000, 0o002, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_it_narrows_the_umask_and_gives_it_back(umask: int, tmp_path: Path) -> None:
    with closed_to_others():
        (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "theirs").mkdir()

    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "a", tmp_path / "a" / "b", tmp_path / "theirs")]
    assert modes == [0o777 & ~(umask | 0o022)] * 2 + [0o777 & ~umask]


def test_no_command_makes_what_others_may_write(umask: int, tmp_path: Path, cli: Callable) -> None:
    assert cli("inject", str(tmp_path / "one" / "two")).code == 0
    assert cli("run", "--dir", str(tmp_path / "three" / "run"), "--", "/bin/true").code == 0

    assert len([*tmp_path.rglob("*")]) > 20
    assert [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o022] == []
