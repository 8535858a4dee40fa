"""The tests of docs/testing.md, run by pytest as a reader would: they pass, and fail, as the page says."""

from __future__ import annotations

import pytest

from support.documented.blocks import block
from support.documented.scene import Scene, free_port, missing

DESK = """
import asyncio, unittest
import pytest
import lifesign

async def checkout(what):
    await asyncio.sleep(0)

class Desk:
    @classmethod
    async def open(cls):
        lifesign.checkpoint("config loaded")
        lifesign.checkpoint("broker connected")

        @lifesign.postcondition("database connected")
        async def database_connected(): ...

        @lifesign.postcondition("cache warm")
        async def cache_warm():
            return False, "it is empty"

        desk = cls()
        desk.orders = asyncio.Queue()
        desk.task = asyncio.create_task(desk.consume())
        return desk

    async def consume(self):
        await self.orders.get()

    async def sell(self, what):
        lifesign.event("order")

async def set_up(self):
    self.desk = await Desk.open()
"""
WRONG = """
async def test_says_what_came(lifesigns):
    for _ in range(3):
        lifesign.event("order")
    with lifesign.synthetic():
        for _ in range(2):
            lifesign.event("order")
    for _ in range(12):
        lifesign.event("tick")
    lifesigns.assert_event("order", times=1)
"""


def test_the_tests_of_the_page_pass_and_fail_as_it_says(scene: Scene) -> None:
    page, files = "docs/testing.md", {"wrong": WRONG}
    for first in ("import pytest", "@pytest.mark.lifesign(max_block_ms", "import lifesign", "from lifesign.testing"):
        files[f"block{len(files)}"] = block(page, first).content
    for name, content in files.items():
        more = "\nDeskTest.asyncSetUp = set_up\n" if "DeskTest" in content else ""
        (scene.folder / f"test_{name}.py").write_text(DESK + content + more)
    ended = scene.ends("pytest -q -p no:cacheprovider -o asyncio_mode=auto")
    assert "1 failed, 5 passed" in ended.stdout, ended.stdout
    shown = [line.removeprefix("E   ").strip() for line in ended.stdout.splitlines()]
    assert missing(block(page, "AssertionError: the event").answer(), shown) == []


@pytest.mark.parametrize("number", [0, 1])
def test_the_gate_is_the_first_test(number: int, scene: Scene) -> None:
    port = free_port()
    command = block("docs/testing.md", "pytest --lifesign-boot").commands()[number]
    (scene.folder / "test_nothing.py").write_text("def test_nothing(): ...\n")
    moved = command.replace("tcp:8000", f"tcp:{port}").replace("uvicorn shop:app", f"uvicorn shop:app --port {port}")
    ended = scene.ends(f"{moved} -q -p no:cacheprovider")
    assert "2 passed" in ended.stdout, ended.stdout
