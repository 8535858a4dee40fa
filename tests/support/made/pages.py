"""The local page over a board that a test fills."""

from __future__ import annotations

import os
from functools import partial
from importlib import resources
from pathlib import Path

from lifesign.serve.behind import Actions, Lookups
from lifesign.serve.board import Board
from lifesign.serve.page import page_app
from lifesign.serve.server import Server
from support.browsers.chromium import Page


class Sidecar:
    """Board, page and server, as ``lifesign watch`` puts them together."""

    def __init__(self, lookups: Lookups | None = None) -> None:
        self.board = Board(clock=lambda: 0.0)  # no poll is ever old, however slow the machine is
        self.asked: list[str] = []
        self.answer: int | Exception = 1
        self.lookups = lookups

    async def start(self, port: int = 0) -> None:
        self.server = Server(
            page_app(
                self.board,
                Actions(partial(self.request, "dump"), partial(self.request, "checks")),
                host="127.0.0.1",
                lookups=self.lookups,
            ),
            ("127.0.0.1", port),
            setting="x",
        )
        await self.server.start()

    def request(self, what: str, key: str) -> int:
        self.asked.append(f"{what} {key}")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def at(page: Page, part: str, key: str = "12-0badcafe") -> None:
    """Follows the address of a part of a process."""
    await page.run(f"location.hash = '#/process/{key}/{part}'")
    await page.until(f"document.querySelector('.parts [aria-current]')?.textContent.toLowerCase() === '{part}'")
    await page.until("[...document.querySelectorAll('.detail > div, .detail > section')].some((part) => !part.hidden)")


async def shot(page: Page, name: str) -> None:
    """Keep a picture for a person where ``LIFESIGN_TEST_SCREENSHOTS`` names a folder."""
    if folder := os.environ.get("LIFESIGN_TEST_SCREENSHOTS"):
        await page.screenshot(Path(folder) / f"{name}.png")


AXE = (resources.files("axe_core_python") / "axe.min.js").read_text()
_ONE = "({id, nodes}) => nodes.map(({html}) => `${id}: ${html.slice(0, 150)}`)"
RULES = f"axe.run(document, {{resultTypes: ['violations']}}).then(({{violations}}) => violations.flatMap({_ONE}))"


async def axe(page: Page) -> list[str]:
    """What axe finds to be hard on somebody: the rule, and where."""
    if await page.run("typeof axe") == "undefined":
        await page.run(f"{AXE}; true")
    found: list[str] = await page.run(RULES)
    return found
