"""What we make is writable for us alone, whatever the umask."""

from __future__ import annotations

import os
from collections.abc import Iterator
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
