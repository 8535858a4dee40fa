"""Task dumps on the page: asked for, read, searched, compared; a newer one takes nothing away."""

from __future__ import annotations

import asyncio

import pytest

from lifesign.errors import NotAnsweredError
from support.browsers.chromium import Page
from support.made.boards import snapshot
from support.made.dumps import dumped as dump
from support.made.dumps import frame, group
from support.made.pages import Sidecar, at

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "12-0badcafe"
DUMP = ".dump .groups > li"


async def test_the_button_asks_and_the_dump_appears(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update([snapshot(KEY)])
    await at(page, "tasks")
    await page.run("document.querySelector('.dump button').focus()")
    await page.press("Enter", 13)
    await page.until("document.querySelector('.dump .status').textContent.startsWith('requested')")
    assert sidecar.asked == [f"dump {KEY}"]
    sidecar.board.update([snapshot(KEY, dump=dump(group(0, 4, "work"), group(1, 1, "audit"), id="d1"))])
    await page.until(f"document.querySelectorAll('{DUMP}').length === 2")
    assert "5 tasks in 2 groups" in await page.text()
    assert await page.run("document.querySelector('.dump .status').textContent") == ""
    assert page.complaints == []


async def test_a_newer_dump_takes_nothing_away_from_who_reads_one(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update([snapshot(KEY, dump=dump(group(0, 4, "work"), id="d1"))])
    await at(page, "tasks")
    await page.until(f"document.querySelectorAll('{DUMP}').length === 1")
    await page.run(f"document.querySelector('{DUMP} summary').focus()")
    sidecar.board.update([snapshot(KEY, dump=dump(group(0, 6, "work"), group(1, 1, "fresh"), id="d2"))])
    await page.until("!document.querySelector('.newer').hidden")
    assert await page.run("document.activeElement.tagName") == "SUMMARY", "the focus stays"
    assert await page.run(f"document.querySelectorAll('{DUMP}').length") == 1
    await page.run("document.querySelector('.newer').click()")
    await page.until(f"document.querySelectorAll('{DUMP}').length === 2")
    assert (
        await page.run("[...document.querySelectorAll('.change')].map((node) => node.textContent).join()") == "+2,new"
    )
    again = dump(id="d3", same_as="d0", tasks=7, groups=2)
    sidecar.board.update([snapshot(KEY, dump=again)])
    await asyncio.sleep(1.2)
    assert await page.run(f"document.querySelectorAll('{DUMP}').length") == 2, "one without groups hides none"


async def test_the_frames_of_libraries_are_folded_between_those_of_the_user(sidecar: Sidecar, page: Page) -> None:
    stack = [
        frame("main", 3, "/srv/shop.py"),
        frame("Redis.get", 9, "/srv/.venv/lib/python3.12/site-packages/redis/client.py"),
        frame("StreamReader.readline", 7, "/usr/lib/python3.12/asyncio/streams.py"),
    ]
    sidecar.board.update([snapshot(KEY, dump=dump(group(0, 1, "main", stack=stack)))])
    await at(page, "tasks")
    await page.until(f"document.querySelectorAll('{DUMP}').length === 1")
    shown = await page.text()
    assert "shop.py:3" in shown
    assert "2 frames of libraries: StreamReader.readline" in shown
    assert "client.py" not in shown
    await page.run(f"document.querySelector('{DUMP} details details').open = true")
    assert "client.py:9" in await page.text()
    await page.run("document.querySelector('.dump .filter').value = 'nothing such'")
    await page.run("document.querySelector('.dump .filter').dispatchEvent(new Event('input'))")
    assert await page.run(f"document.querySelectorAll('{DUMP}').length") == 0


async def test_a_refused_dump_is_told_with_its_hint(sidecar: Sidecar, page: Page) -> None:
    sidecar.answer = NotAnsweredError("the pulse is full", "free /dev/shm")
    sidecar.board.update([snapshot(KEY)])
    await at(page, "tasks")
    await page.until("!document.querySelector('.dump button').disabled")
    await page.run("document.querySelector('.dump button').click()")
    await page.until("document.querySelector('.dump .status').textContent === 'the pulse is full; try: free /dev/shm'")
