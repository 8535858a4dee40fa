"""The page in Firefox: with the worker that all tabs share and without one, every part of a process, and axe."""

from __future__ import annotations

import pytest

from support.browsers.firefox import Firefox
from support.built import found
from support.made.boards import log, snapshot
from support.made.dumps import dumped, group
from support.made.pages import AXE, RULES, Sidecar

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATE = "document.querySelector('.title .state')?.textContent"
LINES = "[...document.querySelectorAll('.awaits summary')].map((node) => node.querySelector('.label').textContent)"
READY = {"tasks": ".dump .groups li", "history": ".past li", "stalls": ".stalls", "overview": ".cause"}


async def test_it_shows_what_happens_and_every_part(sidecar: Sidecar) -> None:
    path = found("firefox")
    dump = dumped(group(0, 1, "main", (1, 3)), group(1, 3, "work"))
    async with Firefox(path) as firefox:
        for shared, state in ((True, "degraded"), (False, "blocked")):
            if not shared:
                await firefox.before_each_page("delete window.SharedWorker;")
            await firefox.goto(sidecar.server.url)
            assert await firefox.run("'SharedWorker' in window") is shared
            sidecar.board.update([snapshot(state=state, dump=dump)])
            sidecar.board.add([], [log("no beat for 4 s")])
            await firefox.until(f"{STATE} === {state!r}")
            await firefox.until(f"document.title === '{state} · lifesign'")
        await firefox.resize(390, 844)
        for part, ready in READY.items():
            await firefox.run(f"(location.hash = '#/process/12-0badcafe/{part}')")
            await firefox.until(f"document.querySelector('{ready}') !== null")
            assert await firefox.run("document.documentElement.scrollWidth - innerWidth") <= 0, part
        await firefox.run("(location.hash = '#/process/12-0badcafe/tasks')")
        await firefox.run("[...document.querySelectorAll('.dump .chips button')].at(-1).click()")
        await firefox.until("document.querySelector('.awaits details details') !== null")
        assert await firefox.run(LINES) == ["main", "work"]
        await firefox.run(f"(() => {{ {AXE} }})()")
        assert await firefox.run(RULES) == []
        assert firefox.complaints == []
