"""The await tree: what each group waits for is below it, deadlocks are red, and ten thousand tasks are quick."""

from __future__ import annotations

from typing import Any

import pytest

from support.browsers.chromium import Browser, Page
from support.made.boards import snapshot
from support.made.dumps import dumped, frame, group
from support.made.pages import Sidecar, at, axe, shot

pytestmark = pytest.mark.asyncio(loop_scope="module")

TREE = "[...document.querySelectorAll('.dump .chips button')].find((node) => node.textContent === 'await tree').click()"
RED = (".awaits .stuck .label", ".awaits .stuck .leaf", ".rings strong")
SHOWN = [
    "1 x main main-0 shop.py:13 waits for TaskGroup (12 unfinished)",
    "11 x Desk.work shop.py:10 waits for Lock ledger",
    "Lock ledger locked, held by",
    "1 x clear settlement shop.py:11 waits for Lock prices",
    "Lock prices locked, held by",
    "1 x audit audit shop.py:12 waits for Lock ledger",
    "Lock ledger locked, held by",
    "deadlock: 1 x clear settlement",
    "1 x fetch fetch-0 shop.py:14 waits for a shield around task refresh",
    "1 x refresh refresh shop.py:15 waits for sleep",
]
BADGES = (
    "[...document.querySelectorAll('.change.deadlock')]"
    ".map((node) => `${node.parentNode.querySelector('.label').textContent} ${node.textContent}`)"
)
LINES = "[...document.querySelectorAll('.awaits summary, .awaits .leaf')].map((node) => node.textContent)"


def lock(index: int, name: str, by: str, line: int, *waiting: int) -> dict[str, Any]:
    return {
        "kind": "task_primitive", "dump": "d", "index": index, "type": "Lock", "name": name, "state": "locked",
        "how": "acquire", "place": None, "waiting": [{"group": at, "count": 1} for at in waiting], "held": 1,
        "holders": [{"task": by, "place": frame(by, line), "at": None}],
    }  # fmt: skip


def deadlock() -> Any:
    """Two tasks hold what the other waits for; eleven wait behind them, and `main` for all."""
    groups = [
        group(0, 11, "Desk.work", waits_for="Lock ledger"),
        group(1, 1, "clear", names=["settlement"], waits_for="Lock prices"),
        group(2, 1, "audit", names=["audit"], waits_for="Lock ledger"),
        group(3, 1, "main", (0, 11), (4, 1), waits_for="TaskGroup (12 unfinished)"),
        group(4, 1, "fetch", (5, 1), waits_for="a shield around task refresh"),
        group(5, 1, "refresh", names=["refresh"], waits_for="sleep"),
    ]
    ring = [{"task": task, "primitive": at, "at": None} for at, task in ((1, "settlement"), (0, "audit"))]
    sleep = {**lock(2, "", "", 0, 5), "type": "sleep", "state": "", "holders": []}
    locks = (lock(0, "ledger", "settlement", 158, 0, 2), lock(1, "prices", "audit", 164, 1), sleep)
    return dumped(*groups, rings=[ring], cycles=[["settlement", "audit"]])._replace(primitives=locks)


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (390, True), (320, False)])
async def test_what_each_waits_for_is_below_it(browser: Browser, sidecar: Sidecar, width: int, dark: bool) -> None:
    page = await browser.open(width, dark=dark)
    try:
        await page.goto(sidecar.server.url)
        sidecar.board.update([snapshot(state="degraded", dump=deadlock())])
        await page.until("document.querySelector('.title .state') !== null")
        await at(page, "tasks")
        await page.until("document.querySelector('.dump .groups li') !== null")
        assert await page.run(BADGES) == ["clear deadlock", "audit deadlock"]
        held = await page.run("[...document.querySelectorAll('.primitives li')].map((node) => node.textContent)")
        assert (held[0].startswith("Lock ledger: locked, 2 tasks wait, held by "), held[2]) == (
            True,
            "sleep: 1 task waits",
        )
        assert await axe(page) == []
        await shot(page, f"groups-{width}")
        await page.run(TREE)
        assert [" ".join(line.replace("\u00d7", "x").split()) for line in await page.run(LINES)] == SHOWN
        colours = [await page.run(f"getComputedStyle(document.querySelector('{one}')).color") for one in RED]
        assert len(set(colours)) == 1
        assert await page.run("document.documentElement.scrollWidth <= innerWidth")
        assert await axe(page) == []
        await shot(page, f"tree-{width}")
        await page.run("document.querySelector('.awaits summary').focus()")
        await page.press("Enter", 13)
        await page.until("!document.querySelector('.awaits details').open")
    finally:
        await page.close()


async def test_ten_thousand_tasks_are_shown_a_page_at_a_time(sidecar: Sidecar, page: Page) -> None:
    many = [group(number, 20, f"job{number}", (499, 20)) for number in range(499)]
    root = group(499, 20, "shared", *((number, 1) for number in range(400)), waits_for="gather")
    sidecar.board.update([snapshot(tasks=10_000, dump=dumped(*many, root))])
    await page.until("document.querySelector('.title .state') !== null")
    await at(page, "tasks")
    await page.until("document.querySelector('.dump .groups li') !== null")
    await page.run(TREE)
    await page.until("document.querySelectorAll('.awaits > ol > li').length === 50")
    assert await page.run("document.querySelectorAll('*').length") < 3000
    await page.run("document.querySelector('.awaits > .more').click()")
    await page.until("document.querySelectorAll('.awaits > ol > li').length === 100")
    await page.run("document.querySelector('.awaits summary').click()")
    await page.until("document.querySelector('.awaits .tree .tree li') !== null")
    assert await axe(page) == []
