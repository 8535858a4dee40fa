"""The demo from its terminal: letters trigger failures, it ends as a service should."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from lifesign.demo import __main__ as demo
from lifesign.demo.controls import HELP
from lifesign.demo.service import OrderDesk
from support.waiting import in_time

ILLNESSES = {
    "b": "block",
    "g": "hold_gil",
    "l": "leak",
    "d": "deadlock",
    "p": "use_up_pool",
    "x": "fill_executor",
    "c": "kill_consumers",
    "s": "silence",
    "w": "stall",
    "z": "spin",
}


class Terminal:
    """The other end of the demo's standard input."""

    def __init__(self, said: pytest.CaptureFixture[str], keys: int, serving: asyncio.Task[None]) -> None:
        self.serving = serving
        self._said = said
        self._keys = keys
        self._text = ""

    def type(self, line: str) -> None:
        os.write(self._keys, line.encode() + b"\n")

    async def reads(self, text: str) -> None:
        async def wait() -> None:
            while text not in self._text:
                await asyncio.sleep(0.002)
                self._text += self._said.readouterr().err

        await in_time(wait())


@pytest.fixture
async def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Terminal]:
    monkeypatch.delenv("LIFESIGN_DIR", raising=False)
    ours, theirs = os.pipe()
    serving = asyncio.create_task(demo.serve(ours, pace=0.002))
    yield Terminal(capsys, theirs, serving)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    os.close(ours)
    os.close(theirs)


async def test_q_ends_it_cleanly(terminal: Terminal) -> None:
    await terminal.reads("the order desk is open")
    terminal.type("q")
    assert await in_time(terminal.serving) is None
    await terminal.reads("orders booked")
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_q_ends_even_a_boot(terminal: Terminal) -> None:
    terminal.type("q")
    assert await in_time(terminal.serving) is None
    assert "the order desk is open" not in terminal._text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_terminating_signal_ends_it_cleanly(terminal: Terminal, number: signal.Signals) -> None:
    await terminal.reads("the order desk is open")
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), number)
    assert await in_time(terminal.serving) is None


async def test_k_crashes_it(terminal: Terminal) -> None:
    terminal.type("k")
    with pytest.raises(RuntimeError, match="the order book is corrupt"):
        await in_time(terminal.serving)


@pytest.fixture
def triggered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The failures that were triggered; none of them happens."""
    seen: list[str] = []
    for name in ILLNESSES.values():
        monkeypatch.setattr(OrderDesk, name, lambda self, name=name: seen.append(name))
    return seen


async def test_each_letter_triggers_its_failure(triggered: list[str], terminal: Terminal) -> None:
    await terminal.reads("the order desk is open")
    terminal.type("\n".join([*ILLNESSES, "q"]))
    await in_time(terminal.serving)
    assert triggered == list(ILLNESSES.values())


async def test_f_fails_a_post_condition_and_r_recovers(terminal: Terminal) -> None:
    await terminal.reads("the order desk is open")
    terminal.type("f")
    await terminal.reads("Post-conditions failed: broker connected: the broker closed the session")
    terminal.type("r")
    await terminal.reads("r: what was broken is mended")
    await terminal.reads("all passed (2 checks)")


async def test_another_letter_gets_the_help_and_an_empty_line_nothing(terminal: Terminal) -> None:
    terminal.type("")
    terminal.type("?")
    await terminal.reads(HELP)
    assert terminal._text.count("type a letter") == 1


def test_the_help_is_printed_where_a_person_types(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys, theirs = pty.openpty()
    with open(theirs) as screen:
        monkeypatch.setattr(sys, "__stdin__", screen)
        os.write(keys, b"q\n")
        demo.main()
    os.close(keys)
    assert HELP in capsys.readouterr().err


def test_without_a_terminal_the_help_waits_to_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = os.pipe()
    with open(ours) as pipe:
        monkeypatch.setattr(sys, "__stdin__", pipe)
        os.write(theirs, b"?\nq\n")
        demo.main()
    os.close(theirs)
    assert capsys.readouterr().err == f"demo: {HELP}\ndemo: 0 orders booked\n"
