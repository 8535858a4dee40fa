"""The blocks of code in the pages for users, and how each of them is held to be true."""

from __future__ import annotations

import re
from typing import NamedTuple

from support.paths import DOCS, ROOT

PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<content>.*?)^ *```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """One of a page; `page` is its path from the repository's root."""

    page: str
    language: str
    content: str

    @property
    def first(self) -> str:
        """The line that it is named by."""
        return self.content.partition("\n")[0].strip()

    def commands(self) -> list[str]:
        """What a shell would be given: of a dialogue, what stands behind the prompt."""
        joined = self.content.replace("\\\n", " ")
        lines = [line.partition(" #")[0].strip() for line in joined.splitlines()]
        if self.language == "console":
            return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return [line for line in lines if line and not line.startswith("#")]

    def answer(self) -> list[str]:
        """Of a dialogue, what the page says that is answered."""
        return [line for line in self.content.splitlines() if not line.startswith("$ ")]


def blocks() -> list[Block]:
    """Those of all pages, in their order."""
    return [
        Block(str(page.relative_to(ROOT)), found["language"], found["content"])
        for page in PAGES
        for found in _BLOCK.finditer(page.read_text("utf-8"))
    ]


def block(page: str, first: str) -> Block:
    """The one of a page that begins so."""
    (found,) = (one for one in blocks() if one.page == page and one.first.startswith(first))
    return found
