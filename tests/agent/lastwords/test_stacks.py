"""Stacks on demand: which signal is offered, what is written at it, and when the offer ends."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Iterator

import pytest

from lifesign.agent.lastwords import stacks
from lifesign.agent.lastwords.ownfile import Sink
from lifesign.agent.lastwords.stacks import StacksOnDemand
from lifesign.wire.folder import OwnFolder
from lifesign.wire.stacks.offer import StacksOffer, read_offer


class Process:
    """This process, as if pytest were not there."""

    def __init__(self, run: Path) -> None:
        self.own = OwnFolder(str(run), os.getpid())
        self.file = Path(self.own.path, "stacks")
        self.demand = StacksOnDemand(self.own)
        self._directory = os.open(self.own.path, os.O_RDONLY)

    def beats(self) -> StacksOffer | None:
        """One beat of the watchdog, in this thread, long after the one before; what is on offer afterwards."""
        self.demand.look_after_soon()
        self.demand.beat()
        return read_offer(self._directory)

    def offered(self) -> int:
        offer = self.beats()
        assert offer is not None
        return offer.signal

    def close(self) -> None:
        self.demand.abandon()
        os.close(self._directory)
        self.own.discard()


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    monkeypatch.delitem(sys.modules, "_pytest")
    made = Process(tmp_path)
    yield made
    made.close()


def caught(number: int) -> bool:
    return bool(stacks.signal_mask("SigCgt") >> (number - 1) & 1)


def test_at_the_signal_every_thread_is_written_and_python_notices_nothing(process: Process) -> None:
    offer = process.beats()
    assert offer is not None
    assert signal.SIGRTMIN < offer.signal < signal.SIGRTMAX
    assert offer.thread == threading.get_native_id()
    assert offer.threads[threading.get_ident()] == (threading.get_native_id(), threading.current_thread()._name)  # type: ignore[attr-defined]
    assert caught(offer.signal)
    assert signal.getsignal(offer.signal) is signal.SIG_DFL
    signal.pthread_kill(threading.get_ident(), offer.signal)
    written = process.file.read_text()
    assert written.startswith(("Current thread", "Thread"))
    assert "in test_at_the_signal_every_thread_is_written" in written
    process.demand.abandon()
    assert not caught(offer.signal)


def test_a_thread_that_begins_is_known_at_the_next_beat(process: Process) -> None:
    process.beats()
    done = threading.Event()
    thread = threading.Thread(target=done.wait, name="clerk")
    thread.start()
    offer = process.beats()
    done.set()
    thread.join()
    assert offer is not None
    assert thread.ident is not None
    assert offer.threads[thread.ident] == (thread.native_id, "clerk")


def test_most_beats_do_nothing(process: Process) -> None:
    process.beats()
    for path in Path(process.own.path).iterdir():
        path.unlink()
    for _ in range(10):
        process.demand.beat()
    assert process.beats() is None  # nothing is new
    assert list(Path(process.own.path).iterdir()) == []


def test_a_signal_that_is_used_is_not_offered(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    first = signal.SIGRTMIN + stacks._FIRST
    before = signal.signal(first, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, [first + 1])
    try:
        assert process.offered() == first + 2
    finally:
        signal.signal(first, before)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [first + 1])
    assert process.offered() == first + 2


def test_the_thread_that_answers_takes_the_signal_for_as_long_as_it_is_offered(process: Process) -> None:
    seen: list[bool] = []

    def answers() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        number = process.offered()
        seen.append(number in signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        process.demand.withdraw()
        seen.append(number in signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    thread = threading.Thread(target=answers)
    thread.start()
    thread.join()
    assert seen == [False, True]


def test_where_every_signal_is_blocked_none_is_offered(process: Process) -> None:
    every = range(signal.SIGRTMIN, signal.SIGRTMAX + 1)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, every)
    try:
        assert process.offered() == 0
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert process.offered() == 0


def test_who_handles_the_signal_later_has_it(process: Process) -> None:
    number = process.offered()
    heard: list[int] = []
    before = signal.signal(number, lambda got, _: heard.append(got))
    try:
        assert process.offered() == 0
        process.demand.abandon()
        os.kill(os.getpid(), number)
        assert heard == [number]
        assert process.file.read_bytes() == b""
    finally:
        signal.signal(number, before)


def test_who_gives_it_to_faulthandler_has_it(process: Process, tmp_path: Path) -> None:
    number = process.offered()
    with open(tmp_path / "apps", "w") as apps:
        faulthandler.register(number, file=apps)
        assert process.offered() == 0
        process.demand.abandon()
        assert caught(number)
        signal.raise_signal(number)
        assert (tmp_path / "apps").stat().st_size > 0
        faulthandler.unregister(number)
    assert process.file.read_bytes() == b""


def test_a_stopped_agent_offers_nothing_and_one_that_goes_on_does(process: Process) -> None:
    number = process.offered()
    process.demand.withdraw()
    assert not caught(number)
    assert process.offered() == 0
    process.demand.resume()
    assert process.offered() == number
    assert caught(number)


def test_a_thread_that_beats_in_place_of_another_answers(process: Process) -> None:
    process.beats()
    seen: list[StacksOffer | None] = []
    thread = threading.Thread(target=lambda: seen.append(process.beats()))
    thread.start()
    thread.join()
    assert seen[0] is not None
    assert seen[0].thread == thread.native_id


def test_a_descriptor_that_became_somebody_elses_is_not_written_to(process: Process, tmp_path: Path) -> None:
    number = process.offered()
    assert process.demand._file is not None
    descriptor = process.demand._file.descriptor
    with open(tmp_path / "own", "wb") as own:
        os.dup2(own.fileno(), descriptor)
        assert process.offered() == 0
        assert not caught(number)
        process.demand.abandon()
    os.close(descriptor)


def test_the_file_does_not_grow_without_bound(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "_BYTES_MAX", 1000)
    number = process.offered()
    for _ in range(20):
        signal.pthread_kill(threading.get_ident(), number)
    assert process.file.stat().st_size > 1000
    process.beats()
    assert process.file.stat().st_size == 0


def test_a_folder_that_is_gone_is_complained_of_once(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    for path in Path(process.own.path).iterdir():
        path.unlink()
    Path(process.own.path).rmdir()
    assert process.beats() is None
    assert "cannot be asked for" in caplog.text
    caplog.clear()
    assert process.beats() is None
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("where", "name", "there"),
    [(sys, "platform", "darwin"), (sys, "_is_gil_enabled", lambda: False), (stacks, "signal_mask", lambda name: 0)],
)
def test_where_it_cannot_work_nothing_is_done(
    where: object, name: str, there: object, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, name, there, raising=False)
    assert not stacks._possible()


def test_under_pytest_and_where_it_is_not_wanted_nothing_is_done(process: Process) -> None:
    process.demand = StacksOnDemand(process.own, "signals")
    assert process.beats() is None
    sys.modules["_pytest"] = pytest  # the fixture puts it back
    process.demand = StacksOnDemand(process.own)
    assert process.beats() is None
    process.demand.withdraw()
    process.demand.resume()
    assert process.beats() is None


def test_who_has_the_file_is_asked_by_a_weak_reference() -> None:
    assert Sink(7).fileno() == 7
