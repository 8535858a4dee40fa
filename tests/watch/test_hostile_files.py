"""Files and folders that are not what they should be: not followed, not waited for, not read to their end."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import stat
import tracemalloc
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from lifesign.judge.reading import Ending
from lifesign.judge.rundir import Incarnation, RunDirectory
from lifesign.watch.observe import lastwords
from lifesign.wire import layout
from lifesign.wire.folder import PulseError, open_regular
from support.mainprocess import Main

TERABYTE = 1 << 40


def _symlink(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def _hard_link(path: Path, outside: Path) -> None:
    path.hardlink_to(outside)


def _fifo(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path, outside: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(path.parent):  # a long path does not fit
        listener.bind(path.name)


def _device(path: Path, outside: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero, which never ends
    except PermissionError:
        pytest.skip("only root may make a device")


def _folder(path: Path, outside: Path) -> None:
    path.mkdir()


@pytest.fixture(params=[_symlink, _hard_link, _fifo, _socket, _device, _folder])
def impostor(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Path], None]:
    """Puts something in the place of a file; what a link leads to is a good one of its kind."""

    def put(path: Path) -> None:
        outside = tmp_path / "outside"
        path.rename(outside)
        request.param(path, outside)

    return put


@pytest.mark.parametrize("name", ["pulse", "life"])
async def test_an_impostor_is_not_watched(
    main: Callable[..., Main], sidecar: Callable[..., Any], impostor: Callable[[Path], None], name: str
) -> None:
    bad, good = main("1-00000000"), main("2-00000000")
    impostor(bad.folder / name)
    watching = sidecar()
    await watching.poll()
    assert [snapshot.key for snapshot in watching.snapshots] == [good.key]


async def test_a_pulse_that_is_replaced_is_not_written_to(
    main: Callable[..., Main], sidecar: Callable[..., Any], impostor: Callable[[Path], None], tmp_path: Path
) -> None:
    service = main()
    watching = sidecar()
    await watching.poll()
    before = (service.folder / "pulse").read_bytes()
    impostor(service.folder / "pulse")
    with pytest.raises(Exception, match="cannot be asked"):
        watching.watcher.request(service.key, layout.REQUEST_DUMP)
    assert (tmp_path / "outside").read_bytes() == before


def test_last_words_of_an_impostor_are_none(tmp_path: Path, impostor: Callable[[Path], None]) -> None:
    (tmp_path / "last-words").write_text("Fatal Python error: Aborted\n")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert lastwords.read(folder) is not None
        impostor(tmp_path / "last-words")
        assert lastwords.read(folder) is None
    finally:
        os.close(folder)


SEVEN = Incarnation("7-00000001", 7, 0)


def test_an_ending_of_an_impostor_is_none(run: Path, impostor: Callable[[Path], None]) -> None:
    (run / "run.json").write_text('{"pid": 7, "exit_code": 3}')
    with contextlib.closing(RunDirectory(str(run))) as directory:
        assert directory.ending(SEVEN, over=False).exit_code == 3
        impostor(run / "run.json")
        assert directory.ending(SEVEN, over=False) == Ending()


def test_a_link_that_comes_between_two_looks_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("inside")
    (tmp_path / "secret").write_text("outside")
    really = os.open

    def too_late(*args: Any, **kwargs: Any) -> int:
        (tmp_path / "file").unlink()
        (tmp_path / "file").hardlink_to(tmp_path / "secret")
        return really(*args, **kwargs)

    folder = os.open(tmp_path, os.O_RDONLY)
    monkeypatch.setattr(os, "open", too_late)
    with pytest.raises(PulseError, match="other names"):
        open_regular("file", folder)
    monkeypatch.undo()
    os.close(folder)


@pytest.fixture
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


async def test_files_of_a_terabyte_cost_nothing(
    main: Callable[..., Main], sidecar: Callable[..., Any], run: Path, little_memory: None
) -> None:
    service = main()
    service.die()
    for path in (service.folder / "pulse", service.folder / "last-words", service.folder / "life", run / "run.json"):
        path.touch()
        try:
            os.truncate(path, TERABYTE)
        except OSError:  # a file system that has no such files
            os.truncate(path, 1 << 33)
    watching = sidecar()
    reported = await watching.poll()
    assert [signal.event for signal in reported if hasattr(signal, "event")]
    assert [snapshot.state for snapshot in watching.snapshots] == ["dead"]


async def test_among_thousands_of_folders_the_real_one_is_found(
    main: Callable[..., Main], sidecar: Callable[..., Any], run: Path
) -> None:
    for number in range(1200):
        folder = f"{run}/{number}-00000000"
        os.mkdir(folder)
        if number % 3 == 0:
            Path(folder, "pulse").write_bytes(b"LIFESIGN" * (number % 2))
    service = main("99999-00000000")  # it comes last
    watching = sidecar()
    for _ in range(2):
        await watching.poll()
        assert [snapshot.key for snapshot in watching.snapshots] == [service.key]


async def test_a_thousand_processes_are_watched_and_more_are_told_of(
    main: Callable[..., Main], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (128 + 4 * 2, hard))
    for number in range(3):
        main(f"{number}-00000000")
    watching = sidecar()
    for _ in range(3):
        await watching.poll()
        assert [snapshot.key for snapshot in watching.snapshots] == ["0-00000000", "1-00000000"]
    assert caplog.text.count("more processes than can be watched: 2 are") == 1


async def test_want_of_descriptors_is_no_fault_of_the_folder(
    main: Callable[..., Main], sidecar: Callable[..., Any]
) -> None:
    service = main()
    watching = sidecar()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(map(int, os.listdir("/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"))) + 1
    taken = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 8, limits[1]))
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        os.close(taken.pop())  # one for the list of folders, none for a folder
        await watching.poll()
        assert watching.snapshots == []
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    await watching.poll()
    assert [snapshot.key for snapshot in watching.snapshots] == [service.key]
    assert watching.rejected.count == 0


async def test_a_folder_that_is_replaced_during_a_look_does_not_lead_elsewhere(
    main: Callable[..., Main], sidecar: Callable[..., Any], run: Path, tmp_path: Path
) -> None:
    service = main()
    watching = sidecar()
    await watching.poll()
    service.folder.rename(tmp_path / "elsewhere")
    (run / service.key).symlink_to("/dev")
    await watching.poll()
    assert [snapshot.state for snapshot in watching.snapshots] == ["healthy"]  # the one that was opened
    with contextlib.closing(RunDirectory(str(run))) as directory:
        directory.remove(service.key)
    assert (run / service.key).is_symlink()
    assert (tmp_path / "elsewhere" / "pulse").exists()


async def test_a_pulse_that_is_cut_off_while_it_is_read_is_given_up(
    main: Callable[..., Main], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = main()
    watching = sidecar()
    await watching.poll()
    really = os.pread
    reads = 0

    def cut(descriptor: int, length: int, offset: int) -> bytes:
        nonlocal reads
        reads += 1
        if reads == 2:  # the vital signs have been read, the lanes not
            os.truncate(service.folder / "pulse", 60_000)
        return really(descriptor, length, offset)

    size = (service.folder / "pulse").stat().st_size
    monkeypatch.setattr(os, "pread", cut)
    await watching.poll()
    assert watching.snapshots == []
    monkeypatch.undo()
    os.truncate(service.folder / "pulse", size)  # or its writer here would be hit by SIGBUS


def test_only_names_that_are_a_process_folder_to_the_last_character(run: Path) -> None:
    for name in ("1-00000000", "1-00000000\n", "1-0000000g", "01-00000000\x1b[2J", "x1-00000000", "-00000000"):
        (run / name).mkdir()
    with contextlib.closing(RunDirectory(str(run))) as directory:
        assert directory.names() == ["1-00000000"]
