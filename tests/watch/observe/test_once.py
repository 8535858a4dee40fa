"""Who only wants to look keeps as many processes open as it may have files."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from lifesign.settings import Settings
from lifesign.watch import once
from lifesign.watch.once import Onlooker
from support.mainprocess import Main
from support.rows import rows


@rows(
    ("limit", "most"),
    [(256, 39), (1024, 200), (50, 0), (resource.RLIM_INFINITY, 200)],
)
def test_how_many_are_kept_open(run: Path, monkeypatch: pytest.MonkeyPatch, limit: int, most: int) -> None:
    monkeypatch.setattr(once.resource, "getrlimit", lambda _: (limit, limit))
    with contextlib.closing(Onlooker([str(run)], Settings(environ={}), {})) as onlooker:
        assert onlooker._most == most


def test_those_beyond_are_seen_all_the_same(
    main: Callable[..., Main], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "_OPEN_MAX", 1)
    for number in range(3):
        main(f"{4242 + number}-00000001")
    with contextlib.closing(Onlooker([str(run)], Settings(environ={}), {})) as onlooker:
        for _ in range(2):
            assert [one.poll.snapshot.pid for one in onlooker.poll()] == [4242, 4243, 4244]


def test_who_may_have_fewer_files_open_than_it_takes_sees_every_process(main: Callable[..., Main], run: Path) -> None:
    for number in range(4):
        main(f"{4242 + number}-00000001")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.closing(Onlooker([str(run)], Settings(environ={}), {})) as onlooker:
        spare = [os.open(os.devnull, os.O_RDONLY) for _ in range(10)]  # other tests may have left some in between
        for descriptor in spare:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(spare) + 1, limits[1]))
        try:
            found = [[one.poll.snapshot.pid for one in onlooker.poll()] for _ in range(3)]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert found == [[4242, 4243, 4244, 4245]] * 3
