"""docs/ten-minutes.md, done from top to bottom."""

from __future__ import annotations

import contextlib

from support.documented.blocks import Block, blocks
from support.documented.scene import PATIENCE, Scene, missing
from support.waiting import eventually


def answered(scene: Scene, dialogue: Block) -> None:
    """Waits until the answer has all that the page shows."""
    (command,) = dialogue.commands()
    lacks: list[str] = []

    def answer() -> bool:
        lacks[:] = missing(dialogue.answer(), scene.ends(f"{command} --dir {scene.run}").stdout.splitlines())
        return not lacks

    with contextlib.suppress(AssertionError):
        eventually(answer, PATIENCE, 0.5)
    assert lacks == []


def test_the_ten_minutes(scene: Scene) -> None:
    service, started, asked, counted, promised, asked_again, gate = (
        one for one in blocks() if one.page == "docs/ten-minutes.md"
    )
    shop = scene.folder / "shop.py"
    shop.write_text(service.content)
    _, command = started.commands()
    with scene.goes_on(command):
        answered(scene, asked)
        assert "sold milk" in scene.said()
        assert "KeyError" not in scene.said()

    _, main, rest = service.content.partition("async def main")
    shop.write_text(f"{counted.content}\n{main}{rest}")
    with scene.goes_on(promised.content):
        answered(scene, asked_again)

    ended = scene.ends(gate.content)
    assert (ended.returncode, "alive: booted in" in ended.stderr) == (0, True), ended.stderr
