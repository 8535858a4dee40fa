"""The buttons of the page reach the order desk through a pipe in the run directory."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lifesign.cli.sidecar.demo import demo as buttons
from lifesign.demo import __main__ as demo
from lifesign.demo.illnesses import ILLNESSES
from lifesign.demo.pipe import Pipe, is_there, press
from lifesign.demo.service import OrderDesk
from lifesign.errors import LifesignError
from support.waiting import in_time


def test_each_illness_has_a_button_and_what_to_look_at_where_a_desk_is(tmp_path: Path) -> None:
    found = buttons(str(tmp_path))
    assert found.buttons() == []
    (tmp_path / "demo").write_text("no pipe")
    assert found.buttons() == []
    with pytest.raises(LifesignError, match="the order desk has ended"):
        found.press("b")
    assert (tmp_path / "demo").read_text() == "no pipe"
    (tmp_path / "demo").unlink()
    pipe = Pipe(str(tmp_path))
    assert [button.letter for button in found.buttons()] == [*ILLNESSES, "r"]
    assert all(button.title and button.what and button.look for button in found.buttons())
    assert {button.part for button in found.buttons()} <= {"overview", "tasks", "stalls", "history"}
    pipe.close()
    assert found.buttons() == []


def test_every_illness_is_something_that_the_desk_can_do() -> None:
    assert {one.call for one in ILLNESSES.values()} - set(dir(OrderDesk)) == {""}


def test_what_is_pressed_waits_until_it_is_read_and_nobody_waits_for_it(tmp_path: Path) -> None:
    directory = str(tmp_path)
    first = Pipe(directory)
    assert stat.S_IMODE((tmp_path / "demo").lstat().st_mode) == 0o600
    press(directory, "b")
    press(directory, "r")
    assert os.read(first.descriptor, 100) == b"b\nr\n"
    with pytest.raises(BlockingIOError):  # it has not ended
        os.read(first.descriptor, 100)
    with pytest.raises(BlockingIOError):
        press_on(directory)
    killed, pipe = first, Pipe(directory)  # the next one takes its place
    press(directory, "d")
    assert os.read(pipe.descriptor, 100) == b"d\n"
    pipe.close()
    assert not is_there(directory)
    killed.close()


def press_on(directory: str) -> None:
    while True:
        press(directory, "b" * 1000)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "elsewhere")
    (tmp_path / "demo").symlink_to("elsewhere")
    assert not is_there(str(tmp_path))
    with pytest.raises(OSError, match="symbolic links"):
        press(str(tmp_path), "b")


async def test_a_button_does_what_the_letter_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "_pipe", lambda: Pipe(str(tmp_path)))
    opened: list[str] = []
    monkeypatch.setattr(demo, "open_browser", opened.append)
    ours, theirs = os.pipe()
    serving = asyncio.create_task(demo.serve(ours, 0.002, demo.Shown("http://127.0.0.1:7317/", browser=True)))
    said = ""
    while "buttons at http://127.0.0.1:7317/" not in said:
        await asyncio.sleep(0.002)
        said += capsys.readouterr().err
    buttons(str(tmp_path)).press("s")
    while "look at: silent after 5 s" not in said:
        await asyncio.sleep(0.002)
        said += capsys.readouterr().err
    os.write(theirs, b"q\n")
    await in_time(serving)
    os.close(ours)
    os.close(theirs)
    assert opened == ["http://127.0.0.1:7317/"]
    assert list(tmp_path.iterdir()) == []


def test_without_a_run_directory_there_are_no_buttons(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LIFESIGN_DIR", raising=False)
    assert demo._pipe() is None
    monkeypatch.setenv("LIFESIGN_DIR", str(tmp_path / "gone"))
    assert demo._pipe() is None


def test_the_browser_is_started_without_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setenv("LIFESIGN_DIR", "/run/lifesign")
    monkeypatch.setattr(subprocess, "Popen", lambda command, **how: seen.append((command[1:], how["env"])))
    demo.open_browser("http://127.0.0.1:7317/")
    ((command, environ),) = seen
    assert command == ["-m", "webbrowser", "http://127.0.0.1:7317/"]
    assert "LIFESIGN_DIR" not in environ
