"""The announcement of a stop: written by the hook as a whole, read once, and never trusted."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifesign.wire.folder import open_directory
from lifesign.wire.stopping import Announcements, announce


@pytest.fixture
def announcements(tmp_path: Path) -> Iterator[Announcements]:
    descriptor = open_directory(str(tmp_path))
    yield Announcements(descriptor)
    os.close(descriptor)


def test_each_announcement_is_read_once(announcements: Announcements, tmp_path: Path) -> None:
    assert announcements.new() is None
    before = time.monotonic_ns()
    announce(str(tmp_path))
    first = announcements.new()
    assert first is not None
    assert before <= first <= time.monotonic_ns()
    assert announcements.new() is None
    announce(str(tmp_path))
    second = announcements.new()
    assert second is not None
    assert second >= first
    assert os.listdir(tmp_path) == ["stopping.json"]


@pytest.mark.parametrize(("mode", "granted"), [(0o777, 0o644), (0o770, 0o640), (0o700, 0o600)])
def test_who_may_read_the_directory_may_read_it(tmp_path: Path, mode: int, granted: int) -> None:
    tmp_path.chmod(mode)
    before = os.umask(0o077)
    try:
        announce(str(tmp_path))
    finally:
        os.umask(before)
    assert (tmp_path / "stopping.json").stat().st_mode & 0o777 == granted


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"asked_mono_ns": "1"}',
        b'{"asked_mono_ns": true}',
        b'{"asked_mono_ns": -1}',
        b"[" * 9,
        b'{"asked_mono_ns": 9223372036854775807}',  # of the future: it would hold for all who start later
    ],
)
def test_anything_else_announces_nothing(announcements: Announcements, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "stopping.json").write_bytes(content)
    assert announcements.new() is None


def test_a_link_announces_nothing(announcements: Announcements, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    announce(str(elsewhere))
    (tmp_path / "stopping.json").symlink_to(elsewhere / "stopping.json")
    assert announcements.new() is None
