"""The boot on the page: one line once it is complete, with what was late in it; it unfolds to its checkpoints."""

from __future__ import annotations

import pytest

from lifesign.watch.telemetry import CheckpointReading, Snapshot
from support.browsers.chromium import Browser
from support.made.boards import NOON, SECOND, snapshot
from support.made.pages import Sidecar, axe, shot

pytestmark = pytest.mark.asyncio(loop_scope="module")

LINE = "document.querySelector('.boot summary').textContent"
UNDERLINED = "[...document.querySelectorAll('.parts a')].map((node) => getComputedStyle(node).borderBottomColor)"


def checkpoint(
    name: str, start: float, end: float | None, usual: float | None = None, **more: bool
) -> CheckpointReading:
    begin, took = NOON + int(start * SECOND), None if end is None else end - start
    until = None if end is None else NOON + int(end * SECOND)
    return CheckpointReading(name, None, begin, until, None, took=took, usual=usual, **more)


SLOW = (
    checkpoint("config loaded", 0, 0.2, 0.2),
    checkpoint("database connected", 0.2, 4.3, 0.3, late=True),
    checkpoint("cache warmed", 4.3, 5.9, 0.4, late=True),
    checkpoint("ready", 5.9, 6.0, 0.1),
)


def booted(**changes: object) -> Snapshot:
    return snapshot(boot_duration=6.1, boot_usual=1.2, checkpoints=SLOW, **changes)


@pytest.mark.parametrize(("width", "look"), [(1200, "light"), (390, "dark"), (320, "light"), (1200, "forced")])
async def test_a_complete_boot_is_one_line_that_says_what_was_late(
    browser: Browser, sidecar: Sidecar, width: int, look: str
) -> None:
    page = await browser.open(width, dark=look == "dark", forced=look == "forced")
    try:
        await page.goto(sidecar.server.url)
        sidecar.board.update([booted()])
        await page.until(f"{LINE}.includes('usually')")
        assert await page.run(LINE) == (
            "Boot complete after 6.1 s, usually 1.2 s, 4 checkpoints "
            "database connected: 4.1 s, usually 300 ms, and 1 more late"
        )
        assert not await page.run("document.querySelector('.boot details').open")
        await page.run("document.querySelector('.boot summary').focus()")
        await page.press("Enter", 13)
        await page.until("document.querySelector('.boot details').open")
        times = await page.run("[...document.querySelectorAll('.boot li .number')].map((node) => node.textContent)")
        assert times == ["200 ms", "4.1 s, usually 300 ms", "1.6 s, usually 400 ms", "100 ms"]
        assert await page.run("document.documentElement.scrollWidth <= innerWidth")
        assert await axe(page) == []
        current, *others = await page.run(UNDERLINED)
        assert current not in others, "it is seen which part this is"
        await shot(page, f"boot-{look}-{width}")
    finally:
        await page.close()


async def test_what_is_open_for_too_long_is_said_while_it_boots(browser: Browser, sidecar: Sidecar) -> None:
    page = await browser.open()
    try:
        await page.goto(sidecar.server.url)
        waits = (SLOW[0], checkpoint("database connected", 0.2, None, 0.3, late=True))
        sidecar.board.update([snapshot(state="starting", boot="starting", boot_duration=None, checkpoints=waits)])
        await page.until(f"{LINE}.includes('database connected: still open, usually 300 ms')")
        assert await page.run("document.querySelector('.boot details').open")
        assert await axe(page) == []
        first = snapshot(checkpoints=tuple(checkpoint(one.name, 0, 1) for one in SLOW))
        sidecar.board.update([first])
        await page.until(f"{LINE}.trim() === 'Boot complete after 1.5 s, 4 checkpoints'")
    finally:
        await page.close()
