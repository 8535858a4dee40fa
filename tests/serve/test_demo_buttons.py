"""The buttons of the sample service, as the page asks for them and presses them."""

from __future__ import annotations

import pytest

from lifesign.errors import LifesignError
from lifesign.serve.behind import Button, Demo, Lookups
from lifesign.serve.board import Board
from lifesign.serve.page import page_app
from support.made.client import NOTHING, Stage, ask

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUTTON = Button("d", "Deadlock", "two locks in opposite order", "degraded", "tasks")
ENDED = Button("e", "Ended", "nothing", "nothing", "overview")


def made(stage: Stage, demo: Demo) -> int:
    stage.app = page_app(Board(), NOTHING, host="127.0.0.1", lookups=Lookups(demo=demo))
    return stage.port


async def test_without_a_sample_service_there_is_nothing_to_press(stage: Stage) -> None:
    port = made(stage, Demo())
    assert (await ask(port, "/api/v1/demo")).json() == {"schema": 1, "data": []}
    assert (await ask(port, "/api/v1/demo/d", "POST", x_lifesign="1")).status == 404


async def test_a_button_of_it_is_pressed_and_no_other_and_by_no_other_site(stage: Stage) -> None:
    pressed: list[str] = []

    def press(letter: str) -> None:
        if letter == "e":
            raise LifesignError("the order desk has ended", "lifesign demo")
        pressed.append(letter)

    port = made(stage, Demo(lambda: [BUTTON, ENDED], press))
    (shown, _) = (await ask(port, "/api/v1/demo")).json()["data"]
    assert shown["title"] == "Deadlock"
    asked = {letter: await ask(port, f"/api/v1/demo/{letter}", "POST", x_lifesign="1") for letter in "dqe"}
    assert [answer.status for answer in asked.values()] == [204, 404, 409]
    assert asked["e"].json() == {"what": "the order desk has ended", "hint": "lifesign demo"}
    for headers in ({}, {"x_lifesign": "1", "origin": "http://evil.test"}, {"x_lifesign": "1", "host": "evil.test"}):
        assert (await ask(port, "/api/v1/demo/d", "POST", **headers)).status in (403, 421)
    assert (await ask(port, "/api/v1/demo/d", x_lifesign="1")).status == 405
    assert pressed == ["d"]
