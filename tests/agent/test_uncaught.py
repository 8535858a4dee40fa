"""Which exception a process ends of: not every one that Python still remembers."""

from __future__ import annotations

import _thread
import code
import sys
from typing import Any, Callable, Iterator

import pytest

from lifesign.agent.lifecycle import uncaught_in_child, uncaught_in_program
from support.waiting import eventually


@pytest.fixture(autouse=True)
def no_memory() -> Iterator[None]:
    """Whatever pytest has shown so far is put away, and what a test leaves too."""
    names = ("last_exc", "last_value")
    before = {name: vars(sys).pop(name) for name in names if name in vars(sys)}
    yield
    for name in names:
        vars(sys).pop(name, None)
    vars(sys).update(before)


def _run(function: Callable[[], None], caught: list[BaseException]) -> None:
    try:
        function()
    except BaseException as error:
        caught.append(error)


def test_nothing_was_raised() -> None:
    assert uncaught_in_program() is None


def test_an_exception_that_left_the_whole_stack_is_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    caught: list[BaseException] = []
    _thread.start_new_thread(_run, (lambda: 1 / 0, caught))
    eventually(lambda: bool(caught))
    sys.last_value = caught[0]
    assert uncaught_in_program() is caught[0]
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    assert uncaught_in_program() is None, "a shell showed it and went on"


def test_a_console_of_the_programs_own_showed_it_and_went_on(capsys: pytest.CaptureFixture[str]) -> None:
    code.InteractiveConsole().push("1/0")
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert sys.last_value is not None
    assert uncaught_in_program() is None


def test_a_test_runner_reports_failures_and_goes_on() -> None:
    try:
        raise AssertionError("one of many tests")
    except AssertionError as error:
        sys.last_value = error
    assert uncaught_in_program() is None


@pytest.mark.parametrize(
    ("problem", "ends"),
    [(ValueError("no"), True), (SystemExit(3), True), (SystemExit("why"), True), (SystemExit(0), False),
     (SystemExit(), False), (KeyboardInterrupt(), True)],
)  # fmt: skip
def test_a_child_of_multiprocessing_ends_of_what_passes_its_finalizers(problem: BaseException, ends: bool) -> None:
    seen: list[Any] = []

    def child() -> None:
        try:
            raise problem
        finally:
            seen.append(uncaught_in_child())

    with pytest.raises(type(problem)):
        child()
    assert seen == [problem if ends else None]


def test_a_child_that_returns_ends_of_nothing() -> None:
    assert uncaught_in_child() is None
