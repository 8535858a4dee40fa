"""The Python of the pages for users, run as it stands: only what is the reader's own is stood in for."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from support.paths import ROOT
from support.victims import output

SERVICE = """
    import ast, asyncio, inspect, types
    import lifesign

    class Peer:
        async def connect(self): ...
        async def execute(self, query): ...

    def make_order(rng, index):
        return {"type": "order", "index": index}

    peers = {"broker": Peer(), "pool": Peer()}
    service = {"lifesign": lifesign, **peers, "make_order": make_order, "make_trade": make_order}

    async def run(block):
        code = compile(block, "page", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        made = types.FunctionType(code, service)()
        if inspect.iscoroutine(made):
            await made

    async def main():
        for block in BLOCKS:
            try:
                await run(block)
            except lifesign.PostconditionError as failed:
                print(str(failed).partition(":")[0], end="; ")
        print(sorted(result.name for result in (await lifesign.check_postconditions()).results))

    asyncio.run(main())
"""


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("page", "printed"),
    [
        ("README.md", "['database connected']"),
        ("docs/in-code.md", "Post-conditions failed; ['database connected', 'database port']"),  # nothing listens there
        ("docs/dry-run.md", "[]"),
    ],
)
def test_the_code_of_a_page_runs(page: str, printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRY_RUN", "1")
    program = "BLOCKS = " + repr(blocks(page)) + SERVICE.replace("\n    ", "\n")
    assert blocks(page)
    assert output(program, tmp_path, python=Path(sys.executable)) == printed
