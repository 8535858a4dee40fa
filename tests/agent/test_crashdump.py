"""The crash dump of a process: what is written, and how it keeps out of the way of whoever uses faulthandler."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import weakref
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from lifesign.agent import crashdump
from lifesign.agent.crashdump import CrashDump
from lifesign.errors import SettingError
from lifesign.settings import Settings

LONG = 3600.0  # no switch goes off in this process


def create_in(folder: Path) -> Callable[[str, int], int]:
    """Makes files in a folder, as the process's folder does."""
    return lambda name, flags: os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, 0o640)


@pytest.fixture(autouse=True)
def places(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both of faulthandler's places as we first find them; pytest's own handlers stay where they are."""
    monkeypatch.setattr(crashdump, "_faulthandler", crashdump._Faulthandler())
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def dump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CrashDump:
    """With a switch, and without handlers: those of this process are pytest's."""
    monkeypatch.setattr(crashdump._Faulthandler, "free", lambda *_: (False, True))
    return CrashDump(create_in(tmp_path), "on", after=LONG)


def is_set() -> bool:
    return crashdump._faulthandler._switch() is not None


def descriptor_of(folder: Path) -> int:
    """By which this process has the file of its last words open."""
    (found,) = (int(at.name) for at in Path("/proc/self/fd").iterdir() if _leads_to(at, folder / "last-words"))
    return found


def _leads_to(link: Path, file: Path) -> bool:
    try:
        return os.readlink(link) == str(file)
    except OSError:
        return False


def beat(dump: CrashDump) -> None:
    """Some beats, each with a look at the switch."""
    for _ in range(3):
        dump.rearm_soon()
        dump.rearm()


def test_under_pytest_nothing_is_done(tmp_path: Path) -> None:
    dump = CrashDump(create_in(tmp_path), "on")
    dump.rearm()
    dump.disarm()
    assert list(tmp_path.iterdir()) == []


def test_the_switch_is_set_by_a_beat_and_put_away_at_the_end(dump: CrashDump, tmp_path: Path) -> None:
    assert not is_set()
    dump.rearm()
    assert is_set()
    dump.disarm()
    assert not is_set()
    dump.rearm()
    assert not is_set()
    assert (tmp_path / "last-words").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "last-words").read_bytes() == b""


def test_most_beats_leave_the_switch_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crashdump._Faulthandler, "free", lambda *_: (False, True))
    calls: list[float] = []
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda after, **_: calls.append(after))
    dump = CrashDump(create_in(tmp_path), "on", interval=2.5)
    for _ in range(100):
        dump.rearm()
    assert calls == [3 * 2.5 + 1.0]


def test_a_switch_that_the_app_sets_later_stays(dump: CrashDump, tmp_path: Path) -> None:
    dump.rearm()
    with open(tmp_path / "own", "w") as own:
        sink = crashdump._Sink(own.fileno())
        kept = weakref.ref(sink)
        faulthandler.dump_traceback_later(LONG, file=sink)
        del sink
        beat(dump)
        assert not is_set()
        dump.disarm()
        assert kept() is not None
        faulthandler.cancel_dump_traceback_later()


def test_who_cancels_the_switch_has_it_cancelled(dump: CrashDump) -> None:
    dump.rearm()
    faulthandler.cancel_dump_traceback_later()
    beat(dump)
    assert not is_set()


def test_who_knew_faulthandler_before_us_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "_pytest")
    assert faulthandler.is_enabled()
    assert crashdump._faulthandler.free("on") == (False, False)
    monkeypatch.setattr(faulthandler, "is_enabled", lambda: False)
    monkeypatch.setattr(crashdump, "_caught", lambda: False)
    assert crashdump._faulthandler.free("on") == (True, False)


@pytest.mark.parametrize(
    ("how", "enabled", "places"),
    [
        ("on", False, (True, True)),
        ("signals", False, (True, False)),
        ("off", False, (False, False)),
        ("on", True, (False, True)),
    ],
)
def test_what_is_free_is_used_as_it_was_wanted(
    how: str, enabled: bool, places: tuple[bool, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "_pytest")
    monkeypatch.setattr(crashdump, "_caught", lambda: enabled)
    monkeypatch.setattr(faulthandler, "is_enabled", lambda: False)
    monkeypatch.setattr(crashdump._faulthandler, "_imported", True)
    assert crashdump._faulthandler.free(how) == places


def test_without_a_gil_there_is_no_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert not crashdump._switch_wanted("on")


def test_who_answers_fatal_signals_already_goes_on_doing_it() -> None:
    assert crashdump._caught()  # pytest's own; that nobody does is `e2e/ends/test_last_words_file.py`


def test_a_fork_finds_no_switch_set_and_the_next_beat_sets_it_again(dump: CrashDump) -> None:
    dump.rearm()
    crashdump._faulthandler.before_fork()
    assert not is_set()
    crashdump._faulthandler.before_fork()  # a signal handler that forks, in between
    crashdump._faulthandler.after_fork()
    crashdump._faulthandler.after_fork()
    crashdump._faulthandler.after_fork()  # one too many
    assert not is_set()
    dump.rearm()
    assert is_set()


def test_while_a_thread_forks_no_beat_sets_the_switch(dump: CrashDump) -> None:
    crashdump._faulthandler.before_fork()
    beating = threading.Thread(target=beat, args=(dump,))
    beating.start()
    beating.join()
    assert not is_set()
    crashdump._faulthandler.after_fork()


def test_a_child_lets_go_of_the_file(dump: CrashDump, tmp_path: Path) -> None:
    descriptor = descriptor_of(tmp_path)
    dump.rearm()
    crashdump._faulthandler.before_fork()
    crashdump._faulthandler.in_forked_child()
    dump.rearm()
    assert not is_set()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)


def test_a_descriptor_that_became_somebody_elses_is_left_alone(dump: CrashDump, tmp_path: Path) -> None:
    dump.rearm()
    descriptor = descriptor_of(tmp_path)
    with open(tmp_path / "own", "wb") as own:
        os.dup2(own.fileno(), descriptor)  # as if it had been closed, and the number used again
        dump.rearm_soon()
        dump.rearm()
        assert not is_set()
    os.close(descriptor)
    dump.rearm_soon()
    dump.rearm()
    assert not is_set()


def test_the_file_keeps_its_newest_dump_and_no_more_than_it_must(
    dump: CrashDump, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crashdump, "_BYTES_MAX", 1000)
    file = tmp_path / "last-words"
    dump.rearm()
    descriptor = descriptor_of(tmp_path)
    for number in range(10):
        os.write(descriptor, b"%d" % number * 400)
        dump.rearm()
        assert file.read_bytes().endswith(b"%d" % number * 400)
        assert len(file.read_bytes()) <= 1000
    os.write(descriptor, b"x" * 5000)  # longer than it may be: still the newest
    dump.rearm()
    assert file.read_bytes() == b"x" * 5000
    assert dump.dumps == 11


def test_a_switch_that_cannot_be_set_is_complained_of_and_left(
    dump: CrashDump, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []

    def fails(*_: Any, **__: Any) -> None:
        calls.append(1)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(faulthandler, "dump_traceback_later", fails)
    for _ in range(3):
        dump.rearm()
    assert len(calls) == 1
    assert "new thread" in caplog.text


def test_where_the_file_cannot_be_made_there_is_no_crash_dump(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(crashdump._Faulthandler, "free", lambda *_: (True, True))
    dump = CrashDump(create_in(tmp_path / "missing"), "on")
    dump.rearm()
    dump.disarm()
    assert "no place for a crash dump" in caplog.text


def test_what_the_setting_may_say() -> None:
    assert Settings(environ={}).last_words == "signals"
    assert Settings(environ={"LIFESIGN_LAST_WORDS": " On "}).last_words == "on"
    with pytest.raises(SettingError, match="wants signals, on or off"):
        Settings(environ={"LIFESIGN_LAST_WORDS": "loud"})


def test_a_stopped_agent_is_followed_by_another(
    started: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crashdump._Faulthandler, "free", lambda *_: (False, True))
    from lifesign.agent import lifecycle

    started(LIFESIGN_LAST_WORDS="on")
    assert is_set()
    assert lifecycle.stop()
    assert not is_set()
    assert lifecycle.start(str(tmp_path)) is not None
    assert is_set()


def test_the_handlers_of_fatal_signals_write_into_the_file_and_are_taken_back_in_a_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(crashdump._Faulthandler, "free", lambda *_: (True, False))
    monkeypatch.setattr(
        faulthandler, "enable", lambda file, all_threads: said.append(os.readlink(f"/proc/self/fd/{file.fileno()}"))
    )
    monkeypatch.setattr(faulthandler, "disable", lambda: said.append("disabled"))
    dump = CrashDump(create_in(tmp_path), "signals", after=LONG)
    crashdump._faulthandler.follow_forks(dump)  # once more: its hooks stand already
    assert said == [str(tmp_path / "last-words")]
    monkeypatch.setattr(crashdump._faulthandler, "_signals", lambda: kept)
    kept = crashdump._Sink(dump._descriptor)
    crashdump._faulthandler.in_forked_child()
    assert said[1:] == ["disabled"]
    crashdump._faulthandler.in_forked_child()  # a child of the child has nothing to give up
    assert said[1:] == ["disabled"]


def test_where_the_kernel_does_not_say_who_answers_signals_python_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(crashdump, "open", refused, raising=False)
    assert not crashdump._caught()
    before = signal.signal(signal.SIGBUS, lambda *_: None)
    try:
        assert crashdump._caught()
    finally:
        signal.signal(signal.SIGBUS, before)
