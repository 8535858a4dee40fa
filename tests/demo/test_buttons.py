"""The demo's own page: a button for each illness, for this machine alone."""

from __future__ import annotations

import asyncio
import http.client
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from lifesign.demo import __main__ as demo
from lifesign.demo import buttons
from lifesign.demo.buttons import HEADER, Buttons
from lifesign.demo.illnesses import ILLNESSES
from lifesign.demo.service import OrderDesk


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buttons, "_POLL", 0.002)


@pytest.fixture
def pressed() -> list[str]:
    return []


@pytest.fixture
def port(pressed: list[str]) -> Iterator[int]:
    served = Buttons(0, 'http://127.0.0.1:7317/?"', pressed.append)
    yield int(served.url.rstrip("/").rpartition(":")[2])
    served.close()


def asked(port: int, method: str, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_each_illness_has_a_button_and_what_to_look_at(port: int) -> None:
    status, page = asked(port, "GET", "/")
    assert status == 200
    assert [f'data-letter="{letter}"' in page for letter in (*ILLNESSES, "r")] == [True] * (len(ILLNESSES) + 1)
    assert page.count("Look at: ") == len(ILLNESSES)
    assert 'href="http://127.0.0.1:7317/?&quot;"' in page
    assert asked(port, "GET", "/favicon.ico")[0] == 404


def test_a_button_is_heard_from_this_page_alone(port: int, pressed: list[str]) -> None:
    ours = {HEADER: "1"}
    assert [asked(port, "POST", path, **ours)[0] for path in ("/d", "/r", "/x/", "/xyzzy")] == [204, 204, 404, 404]
    assert asked(port, "POST", "/d")[0] == 403
    assert asked(port, "POST", "/d", Host=f"evil.example:{port}", **ours)[0] == 403
    assert asked(port, "GET", "/", Host=f"evil.example:{port}")[0] == 404
    assert pressed == ["d", "r"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    assert "frame-ancestors 'none'" in connection.getresponse().headers["Content-Security-Policy"]


def test_every_illness_is_something_that_the_desk_can_do() -> None:
    assert {one.call for one in ILLNESSES.values()} - set(dir(OrderDesk)) == {""}


async def test_a_button_does_what_the_letter_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIFESIGN_DIR", raising=False)
    made: list[Any] = []
    opened: list[str] = []
    monkeypatch.setattr(demo, "BUTTONS_PORT", 0)
    monkeypatch.setattr(demo, "open_browser", opened.append)

    class Served(Buttons):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append((self, args[2]))

    monkeypatch.setattr(buttons, "Buttons", Served)
    ours, theirs = os.pipe()
    serving = asyncio.create_task(demo.serve(ours, 0.002, demo.Shown("http://127.0.0.1:7317/", browser=True)))
    said = ""
    while "buttons at" not in said:
        await asyncio.sleep(0.002)
        said += capsys.readouterr().err
    served, press = made[0]
    press("s")
    while "look at: silent after 5 s" not in said:
        await asyncio.sleep(0.002)
        said += capsys.readouterr().err
    os.write(theirs, b"q\n")
    await asyncio.wait_for(serving, 5)
    os.close(ours)
    os.close(theirs)
    assert opened == [served.url]
    with pytest.raises(ConnectionError):
        asked(int(served.url.rstrip("/").rpartition(":")[2]), "GET", "/")


def test_without_a_port_there_are_no_buttons(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(*_: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(buttons, "Buttons", taken)
    assert demo._buttons(demo.Shown("http://127.0.0.1:7317/", browser=False), print) is None


def test_the_browser_is_started_without_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setenv("LIFESIGN_DIR", "/run/lifesign")
    monkeypatch.setattr(subprocess, "Popen", lambda command, **how: seen.append((command[1:], how["env"])))
    demo.open_browser("http://127.0.0.1:7319/")
    ((command, environ),) = seen
    assert command == ["-m", "webbrowser", "http://127.0.0.1:7319/"]
    assert "LIFESIGN_DIR" not in environ
