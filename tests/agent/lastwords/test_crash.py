"""The crash dump of a process: what is written, and how it keeps out of the way of whoever uses faulthandler."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from pathlib import Path
from typing import Any, Callable

import pytest

from lifesign.agent.lastwords import crash
from lifesign.agent.lastwords.crash import CrashDump
from lifesign.agent.lastwords.ownfile import OwnFile, Sink
from lifesign.errors import SettingError
from lifesign.settings import Settings


def create_in(folder: Path) -> Callable[[str, int], int]:
    """Makes files in a folder, as the process's folder does."""
    return lambda name, flags: os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, 0o640)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[Sink]:
    """What faulthandler would have: pytest's own handlers stay where they are."""
    sinks: list[Sink] = []
    monkeypatch.setattr(crash, "_enabled", None)
    monkeypatch.setattr(crash, "_caught", lambda: False)
    monkeypatch.delitem(sys.modules, "_pytest")
    monkeypatch.setattr(faulthandler, "is_enabled", lambda: bool(sinks))
    monkeypatch.setattr(faulthandler, "enable", lambda file, all_threads: sinks.__setitem__(slice(None), [file]))
    monkeypatch.setattr(faulthandler, "disable", sinks.clear)
    return sinks


def beat(dump: CrashDump) -> None:
    dump.look_after_soon()
    dump.look_after()


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_under_pytest_and_where_it_is_not_wanted_nothing_is_done(tmp_path: Path, given: list[Sink]) -> None:
    CrashDump(create_in(tmp_path), "off")
    assert list(tmp_path.iterdir()) == []
    sys.modules["_pytest"] = pytest  # the fixture puts it back
    dump = CrashDump(create_in(tmp_path), "on")
    beat(dump)
    dump.abandon()
    assert list(tmp_path.iterdir()) == []
    assert given == []


@pytest.mark.parametrize("how", ["on", "signals"])
def test_the_handlers_write_into_the_file_until_it_is_abandoned(how: str, tmp_path: Path, given: list[Sink]) -> None:
    dump = CrashDump(create_in(tmp_path), how)
    (sink,) = given
    descriptor = sink.fileno()
    sink.flush()
    assert os.readlink(f"/proc/self/fd/{descriptor}") == str(tmp_path / "last-words")
    assert (tmp_path / "last-words").stat().st_mode & 0o777 == 0o640
    beat(dump)
    assert given == [sink]
    del sink
    dump.abandon()
    assert given == []
    assert not is_open(descriptor)
    dump.abandon()  # a child of the child has nothing to give up
    beat(dump)


def test_an_app_that_takes_over_later_keeps_its_own(tmp_path: Path, given: list[Sink]) -> None:
    dump = CrashDump(create_in(tmp_path))
    apps = Sink(2)
    given[:] = [apps]
    beat(dump)
    dump.abandon()
    assert given == [apps]


def test_who_handles_fatal_signals_before_us_goes_on(
    tmp_path: Path, given: list[Sink], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crash, "_caught", lambda: True)
    CrashDump(create_in(tmp_path))
    monkeypatch.setattr(crash, "_caught", lambda: False)
    given[:] = [Sink(2)]
    CrashDump(create_in(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_an_agent_that_starts_again_finds_the_handlers_to_be_ours(tmp_path: Path, given: list[Sink]) -> None:
    first = CrashDump(create_in(tmp_path))
    (tmp_path / "last-words").unlink()
    second = CrashDump(create_in(tmp_path))
    first.abandon()
    assert len(given) == 1
    second.abandon()
    assert given == []


def test_a_descriptor_that_became_somebody_elses_is_left_alone(tmp_path: Path, given: list[Sink]) -> None:
    dump = CrashDump(create_in(tmp_path))
    descriptor = given[0].fileno()
    with open(tmp_path / "own", "wb") as own:
        os.dup2(own.fileno(), descriptor)  # as if it had been closed, and the number used again
        beat(dump)
        assert given == []
        assert is_open(descriptor)
    os.close(descriptor)


def test_a_file_knows_whether_it_is_still_there(tmp_path: Path) -> None:
    file = OwnFile(create_in(tmp_path), "any")
    os.write(file.descriptor, b"12345")
    assert file.size() == 5
    file.close()
    assert file.size() is None
    file.close()


def test_where_the_file_cannot_be_made_there_is_no_crash_dump(
    tmp_path: Path, given: list[Sink], caplog: pytest.LogCaptureFixture
) -> None:
    dump = CrashDump(create_in(tmp_path / "missing"))
    beat(dump)
    assert given == []
    assert "no place for a crash dump" in caplog.text


def test_what_the_setting_may_say() -> None:
    assert Settings(environ={}).last_words == "on"
    assert Settings(environ={"LIFESIGN_LAST_WORDS": " Signals "}).last_words == "signals"
    with pytest.raises(SettingError, match="wants on, signals or off"):
        Settings(environ={"LIFESIGN_LAST_WORDS": "loud"})


def test_who_answers_fatal_signals_already_goes_on_doing_it() -> None:
    assert crash._caught()  # pytest's own; that nobody does is `e2e/ends/test_last_words_file.py`


def test_where_the_kernel_does_not_say_who_answers_signals_python_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> Any:
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(crash, "open", refused, raising=False)
    assert not crash._caught()
    before = signal.signal(signal.SIGBUS, lambda *_: None)
    try:
        assert crash._caught()
    finally:
        signal.signal(signal.SIGBUS, before)
