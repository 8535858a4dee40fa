"""Lines become commands, however they arrive; the end of input is no end of the service."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import signal
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifesign.demo.controls import Controls


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


async def test_each_line_is_a_command(pipe: tuple[int, int]) -> None:
    commands: list[str] = []
    controls = Controls(pipe[0], commands.append)
    for piece in (b"b\n S", b" \n\nl", b"eak\nq"):
        os.write(pipe[1], piece)
        await asyncio.sleep(0.005)
    assert commands == ["b", "s", "", "leak"]
    controls.close()


async def test_the_end_of_input_ends_only_the_listening(pipe: tuple[int, int]) -> None:
    commands: list[str] = []
    controls = Controls(pipe[0], commands.append)
    os.write(pipe[1], b"b\n")
    os.close(pipe[1])
    await asyncio.sleep(0.01)
    assert commands == ["b"]
    assert not asyncio.get_running_loop().remove_reader(pipe[0])
    controls.close()


async def test_a_terminal_that_went_away_ends_the_listening(pipe: tuple[int, int]) -> None:
    controls = Controls(pipe[0], lambda letter: None)
    null = os.open("/", os.O_RDONLY)  # reading a directory fails, as a terminal does that hung up
    os.dup2(null, pipe[0])
    os.close(null)
    controls._read()
    assert not asyncio.get_running_loop().remove_reader(pipe[0])


async def test_an_endless_line_is_not_kept(pipe: tuple[int, int]) -> None:
    commands: list[str] = []
    controls = Controls(pipe[0], commands.append)
    for _ in range(20):
        os.write(pipe[1], b"x" * 1000)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert len(controls._rest) <= 2048
    controls.close()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """A terminal that this program may change: the end of the person, and that of the program."""
    person, program = pty.openpty()
    monkeypatch.setattr("lifesign.demo.controls.in_foreground", lambda descriptor: descriptor == program)
    yield person, program
    os.close(person)
    os.close(program)


def has_lines(program: int) -> bool:
    return bool(termios.tcgetattr(program)[3] & (termios.ICANON | termios.ECHO))


async def test_at_a_terminal_letters_come_without_enter_and_its_settings_are_put_back(
    terminal: tuple[int, int],
) -> None:
    person, program = terminal
    commands: list[str] = []
    before = termios.tcgetattr(program)
    controls = Controls(program, commands.append)
    assert controls.at_terminal
    assert not has_lines(program)
    os.write(person, b"bG \n")
    await asyncio.sleep(0.01)
    os.write(person, b"\x1b[A")  # an arrow
    await asyncio.sleep(0.01)
    controls.close()
    assert commands == ["b", "g"]
    assert termios.tcgetattr(program) == before


async def test_a_program_that_was_suspended_takes_letters_again(terminal: tuple[int, int]) -> None:
    _, program = terminal
    before = termios.tcgetattr(program)
    controls = Controls(program, print)
    termios.tcsetattr(program, termios.TCSANOW, before)  # as the shell does meanwhile
    os.kill(os.getpid(), signal.SIGCONT)
    await asyncio.sleep(0.01)
    assert not has_lines(program)
    controls.close()
    assert termios.tcgetattr(program) == before


async def test_a_terminal_of_somebody_else_is_left_as_it_is() -> None:
    person, program = pty.openpty()
    before = termios.tcgetattr(program)
    controls = Controls(program, print)
    assert not controls.at_terminal
    assert termios.tcgetattr(program) == before
    controls.close()
    os.close(person)
    os.close(program)


@pytest.mark.parametrize("what", ["/dev/null", "file", "nothing"])
async def test_what_cannot_speak_is_left_alone(what: str, tmp_path: Path) -> None:
    if what == "nothing":
        Controls(-1, print).close()
        return
    path = tmp_path / "input" if what == "file" else Path(what)
    path.touch()
    descriptor = os.open(path, os.O_RDONLY)
    Controls(descriptor, print).close()
    os.close(descriptor)
