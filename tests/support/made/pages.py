"""The local page over a board that a test fills."""

from __future__ import annotations

import os
from pathlib import Path

from lifesign.serve.board import Board
from lifesign.serve.page import page_app
from lifesign.serve.server import Server
from support.browser import Page


class Sidecar:
    """Board, page and server, as ``lifesign watch`` puts them together."""

    def __init__(self) -> None:
        self.board = Board()
        self.asked: list[str] = []
        self.answer: int | Exception = 1

    async def start(self, port: int = 0) -> None:
        self.server = Server(
            page_app(self.board, self.request_dump, host="127.0.0.1"), ("127.0.0.1", port), setting="x"
        )
        await self.server.start()

    def request_dump(self, key: str) -> int:
        self.asked.append(key)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def shot(page: Page, name: str) -> None:
    """Keep a picture for a person where ``LIFESIGN_TEST_SCREENSHOTS`` names a folder."""
    if folder := os.environ.get("LIFESIGN_TEST_SCREENSHOTS"):
        await page.screenshot(Path(folder) / f"{name}.png")
