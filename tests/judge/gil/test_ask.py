"""When a frozen process is asked for its stacks and when not: its files are real, the kernel's view is made by hand."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Callable, Iterator

import pytest

from lifesign.judge.gil import ask
from lifesign.judge.gil.ask import Asking
from lifesign.judge.gil.stacks import Stacks
from lifesign.judge.kernel import holder as holder_of
from lifesign.wire.folder import Folder
from support.illnesses.frozen import BIT, NUMBER, SECOND, WATCHDOG, Kernel
from support.mainprocess import Main
from support.rows import rows

TIMEOUT = 3 * SECOND


@pytest.fixture
def kernel(main: Callable[..., Main], monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    service = main()
    with (service.folder / "life").open("rb") as life:
        kernel = Kernel(service.folder, holder_of(life.fileno()))
    monkeypatch.setattr(ask, "time", kernel)
    monkeypatch.setattr(ask.threads, "look", lambda pid, now: kernel.look(pid, now))
    monkeypatch.setattr(ask, "read_kernel_file", lambda path: kernel.read(path))
    monkeypatch.setattr(os, "pidfd_open", lambda _thread, _flags: os.open(os.devnull, os.O_RDONLY), raising=False)
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda *given: kernel.send(*given), raising=False)
    return kernel


@pytest.fixture
def folder(kernel: Kernel) -> Iterator[Folder]:
    directory = os.open(kernel.path.parent, os.O_RDONLY)
    folder = Folder(directory, kernel.path.name)
    os.close(directory)
    yield folder
    folder.close()


def asking(kernel: Kernel, folder: Folder) -> Asking:
    return Asking(folder, kernel.own, lambda: kernel.beats())


def asked(kernel: Kernel, folder: Folder, after: float = 0.2) -> tuple[Stacks | None, str]:
    """What comes of a question, so many seconds after its threads were seen; and why nothing can."""
    one = asking(kernel, folder)
    one.look()
    kernel.sleep(after)
    return one.ask(TIMEOUT), one.refused


def test_a_frozen_process_is_asked_once_and_its_answer_kept(kernel: Kernel, folder: Folder) -> None:
    one = asking(kernel, folder)
    assert one.ask(TIMEOUT) is None  # what its threads do must be seen for a while
    kernel.sleep(0.05)
    assert one.ask(TIMEOUT) is None
    kernel.sleep(0.15)
    found = one.ask(TIMEOUT)
    assert found is not None
    assert [frame["function"] for thread in found.threads for frame in thread.frames] == ["match"]
    assert (found.request.beats, found.request.over, found.requests) == (7, SECOND // 5, 1)
    assert found.request.threads[WATCHDOG].turns == 40
    assert one.ask(TIMEOUT) == asking(kernel, folder).ask(TIMEOUT) == found
    assert (kernel.sent, one.refused) == ([NUMBER], "")


def test_who_calls_only_once_looks_twice(kernel: Kernel, folder: Folder) -> None:
    found = asking(kernel, folder).ask_now(TIMEOUT)
    assert found is not None
    assert kernel.sent == [NUMBER]
    kernel.own += 1
    (kernel.path / "stacks").write_bytes(b"")
    before = kernel.now
    assert asking(kernel, folder).ask_now(TIMEOUT) is None
    assert kernel.now == before  # what lasts is not waited for


def test_a_process_that_does_not_answer_is_asked_at_most_twice(kernel: Kernel, folder: Folder) -> None:
    kernel.answers = False
    assert asked(kernel, folder) == (None, "")
    assert asked(kernel, folder) == (None, "")
    assert kernel.sent == [NUMBER]  # it may still do so
    kernel.sleep(2)
    kernel.answers = True
    found, _ = asked(kernel, folder)
    assert found is not None
    assert found.requests == 2
    kernel.was_asked(1, 2)
    assert asked(kernel, folder) == (None, "")
    assert kernel.sent == [NUMBER, NUMBER]
    kernel.was_asked(1, 2, beats=6)  # in another freeze
    assert asked(kernel, folder)[0] is not None


def other_process(kernel: Kernel) -> None:
    kernel.own += 1


def no_offer(kernel: Kernel) -> None:
    kernel.offers(None)


def no_signal(kernel: Kernel) -> None:
    kernel.offers({"signal": 0, "thread": WATCHDOG, "threads": []})


def signal_of_the_system(kernel: Kernel) -> None:
    kernel.offers({"signal": 9, "thread": WATCHDOG, "threads": []})


def queue(kernel: Kernel) -> None:
    kernel.waiting = {WATCHDOG, *range(1000, 1299)}


def traced(kernel: Kernel) -> None:
    kernel.status["TracerPid"] = "5"


def blocked(kernel: Kernel) -> None:
    kernel.status["SigBlk"] = f"{BIT:x}"


def ignored(kernel: Kernel) -> None:
    kernel.status["SigIgn"] = f"{BIT:x}"


def not_handled(kernel: Kernel) -> None:
    kernel.status["SigCgt"] = f"{BIT >> 1:x}"


def strange(kernel: Kernel) -> None:
    kernel.status["Tgid"] = "none"


def no_file(kernel: Kernel) -> None:
    (kernel.path / "stacks").unlink()


@rows(
    "change, why",
    [
        (other_process, "it is in another PID namespace"),
        (no_offer, "it answers no signal for them"),
        (no_signal, "it answers no signal for them"),
        (signal_of_the_system, "it answers no signal for them"),
        (queue, "300 threads wait for the GIL, perhaps only for each other"),
        (traced, "a debugger has it"),
        (blocked, "it does not handle the signal"),
        (ignored, "it does not handle the signal"),
        (not_handled, "it does not handle the signal"),
        (strange, "invalid literal for int() with base 10: b'none'"),
        (no_file, "[Errno 2] No such file or directory: 'stacks'"),
    ],
    ids=lambda row: row[0].__name__,
)
def test_why_there_can_be_no_stacks(kernel: Kernel, folder: Folder, change: Callable[[Kernel], None], why: str) -> None:
    kernel.begin()
    change(kernel)
    assert asked(kernel, folder) == (None, why)
    assert kernel.sent == []


def of_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = os.geteuid() + 12345
    monkeypatch.setattr(os, "geteuid", lambda: theirs)


def may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_given: object) -> None:
        raise PermissionError

    monkeypatch.setattr(signal, "pidfd_send_signal", refuse)


def test_a_process_of_another_user_is_not_asked(kernel: Kernel, folder: Folder) -> None:
    for change in (of_another_user, may_not):
        with pytest.MonkeyPatch.context() as patch:
            change(patch)
            assert asked(kernel, folder) == (None, "it runs as another user"), change


def not_seen(kernel: Kernel) -> None:
    kernel.waiting = set()


def computing(kernel: Kernel) -> None:
    kernel.waiting = {WATCHDOG + 1}


def gone(kernel: Kernel) -> None:
    kernel.status["Tgid"] = "1"


def never_ready(kernel: Kernel) -> None:
    kernel.states = ["R (running)"]


def goes_on(kernel: Kernel) -> None:
    kernel.beats = iter([7, 7, 8]).__next__


def slow(kernel: Kernel) -> None:
    def beats() -> int:
        kernel.sleep(0.01)
        return 7

    kernel.beats = beats


@rows(
    "change, after",
    [(one, 0.2) for one in (not_seen, computing, gone, never_ready, goes_on, slow)] + [(lambda _kernel: None, 1.6)],
)
def test_when_the_gil_is_not_seen_to_be_held_the_next_call_may_know_more(
    kernel: Kernel, folder: Folder, change: Callable[[Kernel], None], after: float
) -> None:
    kernel.begin()
    change(kernel)
    assert asked(kernel, folder, after) == (None, "")
    assert kernel.sent == []


def test_a_process_that_has_ended_is_not_asked(kernel: Kernel, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "holder", lambda _life: 0)
    assert asked(kernel, folder) == (None, "it is in another PID namespace")


class Libc:
    """With `tgkill`, as the C library has it from 2.30 on."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.numbers: list[tuple[int, ...]] = []

    def tgkill(self, *given: int) -> int:
        self.numbers.append(given)
        self._kernel.send(-1, given[-1])
        return 0


def test_without_descriptors_of_threads_the_thread_gets_it_by_its_number(
    kernel: Kernel, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open")  # as on a kernel that has none
    assert asked(kernel, folder) == (None, "[Errno 3] No such process")  # there is no thread of that number
    kernel.begin()
    libc = Libc(kernel)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_given, **_named: libc)
    assert asked(kernel, folder)[0] is not None
    assert libc.numbers == [(kernel.pid, WATCHDOG, NUMBER)]
    kernel.begin()
    monkeypatch.setattr(ctypes, "CDLL", lambda *_given, **_named: object())
    assert asked(kernel, folder) == (None, "this kernel and libc cannot signal one thread")
