"""The run directory is private where nobody named one, and found again without a flag."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Iterator

import pytest

from lifesign.cli.supervise import rundirectory
from lifesign.errors import RunDirectoryError
from support.mainprocess import LockHolder


@contextlib.contextmanager
def made(path: str | None) -> Iterator[str]:
    """A run directory, until the context ends."""
    with contextlib.ExitStack() as stack:
        yield rundirectory.make(path, stack)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One empty place where private run directories are."""
    monkeypatch.setattr(rundirectory, "_MEMORY", str(tmp_path))
    monkeypatch.setattr(rundirectory.tempfile, "gettempdir", lambda: "/no/such/place")
    monkeypatch.setattr(rundirectory, "_may_change_user", lambda: False)
    return tmp_path


def test_a_private_one_is_on_memory_for_us_alone_and_goes_at_the_end(places: Path) -> None:
    with made(None) as path:
        assert os.path.dirname(path) == str(places)
        assert os.stat(path).st_mode & 0o777 == 0o700
        (Path(path) / "pulse").touch()
    assert list(places.iterdir()) == []


def test_without_memory_it_is_where_temporary_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rundirectory, "_MEMORY", str(tmp_path / "none"))
    monkeypatch.setattr(rundirectory.tempfile, "tempdir", str(tmp_path))

    monkeypatch.setattr(rundirectory, "_may_change_user", lambda: False)
    with made(None) as path:
        assert os.path.dirname(path) == str(tmp_path)


def test_no_place_at_all_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rundirectory, "_MEMORY", str(tmp_path / "none"))
    monkeypatch.setattr(rundirectory.tempfile, "tempdir", str(tmp_path / "none"))

    with pytest.raises(RunDirectoryError, match="no private run directory can be made"), made(None):
        pass


def test_one_that_was_asked_for_is_made_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with made("a/b") as path:
        assert path == str(tmp_path / "a" / "b")
    assert os.path.isdir(path)


def test_a_file_is_no_run_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(RunDirectoryError, match="cannot be made: File exists"),
        made(str(tmp_path / "file")),
    ):
        pass


def test_one_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)  # root may write anywhere

    with pytest.raises(RunDirectoryError, match="cannot be written"), made(str(tmp_path)):
        pass


def test_the_only_one_is_found(places: Path) -> None:
    (places / "lifesign-file").touch()
    (places / "other").mkdir()
    (places / "lifesign-link").symlink_to(places / "other")
    with made(None) as path:
        assert rundirectory.find(None) == path


def test_of_several_the_newest_are_named_with_who_lives_there(places: Path, holder: LockHolder) -> None:
    with contextlib.ExitStack() as stack:
        paths = [rundirectory.make(None, stack) for _ in range(5)]
        for at, path in enumerate(paths):
            folder = Path(path) / f"424{at}-0000abcd"
            folder.mkdir()
            holder("hold", folder / "life")
            os.utime(path, (at, at))
        with pytest.raises(RunDirectoryError, match="there are 5 run directories") as raised:
            rundirectory.find(None)
        for at in range(5):
            holder("free", Path(paths[at]) / f"424{at}-0000abcd" / "life")
    named = ", ".join(f"{paths[at]} (process 424{at})" for at in (4, 3, 2))
    assert raised.value.hint == f"--dir with one of {named} and 2 more"


def test_the_short_name_of_one_is_enough(places: Path) -> None:
    inner = places / "lifesign-a" / ("0123456789abcdef" * 2)
    inner.mkdir(parents=True)
    assert rundirectory.find(str(places / "lifesign-a")) == str(inner)


def test_of_several_the_one_in_use_is_found(places: Path, holder: LockHolder) -> None:
    with made(None), made(None) as lived_in, made(None) as watched:
        folder = Path(lived_in) / "4242-0000abcd"
        folder.mkdir()
        holder("hold", folder / "life")
        assert rundirectory.find(None) == lived_in

        holder("hold", Path(watched) / "sidecar.lock")
        with pytest.raises(RunDirectoryError, match="there are 2 run directories"):
            rundirectory.find(None)
        holder("free", folder / "life")
        assert rundirectory.find(None) == watched
        holder("free", Path(watched) / "sidecar.lock")
        with pytest.raises(RunDirectoryError, match="there are 3 run directories"):
            rundirectory.find(None)


def test_nothing_outside_is_asked_whether_it_is_in_use(
    places: Path, tmp_path_factory: pytest.TempPathFactory, holder: LockHolder
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    holder("hold", elsewhere / "life")
    with made(None) as hostile, made(None):
        (Path(hostile) / "4242-0000abcd").symlink_to(elsewhere)
        (Path(hostile) / "sidecar.lock").symlink_to(elsewhere / "life")
        os.mkfifo(os.path.join(hostile, "4243-0000abcd"))
        with pytest.raises(RunDirectoryError, match="there are 2 run directories"):
            rundirectory.find(None)
    holder("free", elsewhere / "life")


def test_what_was_left_behind_goes_after_a_day_unless_it_is_in_use(places: Path, holder: LockHolder) -> None:
    left_alone = contextlib.ExitStack()
    left, fresh, used = (Path(rundirectory.make(None, left_alone)) for _ in range(3))
    other = places / "other-old"
    other.mkdir()
    (left / "4242-0000abcd").mkdir()
    holder("hold", used / "sidecar.lock")
    for path in (left, used, other):
        os.utime(path, (time.time() - 90_000,) * 2)
    with made(None) as new:
        assert sorted(places.iterdir()) == sorted([fresh, used, other, Path(new)])
    holder("free", used / "sidecar.lock")


@pytest.mark.usefixtures("places")
def test_none_is_an_error() -> None:
    with pytest.raises(RunDirectoryError, match="nothing of yours is watched"):
        rundirectory.find(None)
    with pytest.raises(RunDirectoryError, match="the run directory /no/such does not exist"):
        rundirectory.find("/no/such")


def test_those_of_another_user_are_not_ours(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with made(None):
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
        with pytest.raises(RunDirectoryError, match="nothing of yours is watched"):
            rundirectory.find(None)


def test_a_sidecar_that_stayed_removes_a_private_one_and_no_other(places: Path, holder: LockHolder) -> None:
    private, used, named = (places / name for name in ("lifesign-a", "lifesign-b", "named"))
    for path in (private, used, named):
        path.mkdir()
    holder("hold", used / "sidecar.lock")

    for path in (private, used, named):
        rundirectory.discard(str(path))

    assert sorted(places.iterdir()) == [used, named]
    holder("free", used / "sidecar.lock")


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_cmd_that_gives_up_being_root_may_use_a_private_one(
    places: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    monkeypatch.setattr(rundirectory, "_may_change_user", lambda: True)
    before = os.umask(umask)
    try:
        with made(None) as path:
            (outer,) = places.iterdir()
            assert os.path.dirname(path) == str(outer)
            assert len(os.path.basename(path)) == 32  # which only CMD knows: nobody else may list the outer one
            assert (os.stat(outer).st_mode & 0o7777, os.stat(path).st_mode & 0o7777) == (0o711, 0o1777)
            assert rundirectory.find(None) == path
            rundirectory.discard(path)
            assert list(places.iterdir()) == []
    finally:
        os.umask(before)
