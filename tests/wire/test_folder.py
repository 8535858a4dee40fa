"""The files of a run directory: whose they are, and what is left behind."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from lifesign.wire import folder
from lifesign.wire.folder import LAST_WORDS, LIFE, REQUESTS, Folder, OwnFolder, PulseError, open_regular
from support.mainprocess import LockHolder


def write_pulse(own: OwnFolder) -> None:
    with open(own.unfinished, "x"):
        pass
    own.publish()


@pytest.mark.parametrize(
    ("shared", "made", "file"),
    [(0o700, 0o700, 0o600), (0o2770, 0o2770, 0o640), (0o750, 0o750, 0o640), (0o1777, 0o777, 0o644)],
)
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_folder_grants_what_the_run_directory_grants_whatever_the_umask(
    run: Path, shared: int, made: int, file: int, umask: int
) -> None:
    run.chmod(shared)
    before = os.umask(umask)
    try:
        own = OwnFolder(str(run), 7)
        os.close(own.create(LAST_WORDS))
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(own.path).st_mode) == made
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in Path(own.path).iterdir()}
    # The sidecar writes requests, and nobody anything else: who can shorten a mapped file can end who mapped it.
    assert modes.pop(REQUESTS) == 0o600 | shared & 0o066
    assert set(modes.values()) == {file}
    own.discard()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has groups to give")
@pytest.mark.parametrize("shared", [0o770, 0o2770])
def test_a_folder_has_the_group_of_the_run_directory(run: Path, shared: int) -> None:
    os.chown(run, -1, 4711)
    run.chmod(shared)
    own = OwnFolder(str(run), 7)
    write_pulse(own)
    assert {path.stat().st_gid for path in (Path(own.path), *Path(own.path).iterdir())} == {4711}
    assert stat.S_IMODE(os.stat(own.path).st_mode) == shared
    own.discard()


def test_what_could_not_be_completed_leaves_nothing(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no locks here")

    before = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
    monkeypatch.setattr("fcntl.lockf", refuse)
    with pytest.raises(OSError, match="no locks here"):
        OwnFolder(str(run), 7)
    assert list(run.iterdir()) == []
    assert not before or len(os.listdir("/proc/self/fd")) == len(before)


def test_a_folder_is_alive_as_long_as_its_life_token_is_locked(run: Path, holder: LockHolder) -> None:
    (run / "7-00000007").mkdir()
    holder("hold", run / "7-00000007" / folder.LIFE)
    directory = folder.open_directory(str(run))
    try:
        assert folder.keys(directory, 10) == ["7-00000007"]
        opened = Folder(directory, "7-00000007")
        assert opened.is_alive()
        holder("free", run / "7-00000007" / folder.LIFE)
        assert not opened.is_alive()
        opened.close()
        folder.remove(directory, "7-00000007")
        assert list(run.iterdir()) == []
    finally:
        os.close(directory)


def test_a_life_token_that_is_none_leaves_no_descriptor_open(run: Path) -> None:
    (run / "7-00000007").mkdir()
    (run / "7-00000007" / folder.LIFE).mkdir()
    directory = folder.open_directory(str(run))
    try:
        before = _lowest_free()
        with pytest.raises(PulseError, match="not a regular file"):
            Folder(directory, "7-00000007")
        assert _lowest_free() == before
    finally:
        os.close(directory)


def _lowest_free() -> int:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


def test_a_life_token_that_is_gone_is_taken_again_but_no_other_file(run: Path) -> None:
    own = OwnFolder(str(run), 7)
    assert own.is_held()
    token = next(int(one) for one in os.listdir("/proc/self/fd") if _is(int(one), Path(own.path, LIFE)))
    os.close(token)
    assert not own.is_held()
    own.abandon()
    own.hold_again()
    assert own.is_held()
    own.abandon()
    assert not own.is_held()
    Path(own.path, LIFE).rename(run / "elsewhere")  # whose number is not given to another file
    Path(own.path, LIFE).touch()
    with pytest.raises(FileNotFoundError, match="another file is in its place"):
        own.hold_again()


def _is(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False  # that of the list itself


def test_a_file_that_becomes_a_link_at_the_last_moment_is_none(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (run / "secret").touch()
    (run / "file").touch()
    really = os.open

    def too_late(*args: Any, **options: Any) -> int:
        (run / "file").unlink()
        (run / "file").symlink_to("secret")
        return really(*args, **options)

    directory = os.open(run, os.O_RDONLY)
    monkeypatch.setattr(os, "open", too_late)
    with pytest.raises(PulseError, match="a link or a pipe"):
        open_regular("file", directory)
    monkeypatch.undo()
    os.close(directory)


def test_a_link_that_somebody_put_in_the_place_of_the_folder_is_not_followed(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir(0o700)
    run.chmod(0o777)
    monkeypatch.setattr(os, "mkdir", lambda path, _mode: os.symlink(home, path))
    with pytest.raises(OSError, match=r"symbolic link|directory"):
        OwnFolder(str(run), 4242)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert list(home.iterdir()) == []


def test_a_lock_that_cannot_be_asked_for_is_an_error() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        folder._is_locked(1 << 20)
