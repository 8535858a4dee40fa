"""Browsers without shared workers, as Chrome on Android and older Safari are: each tab has a stream of its own."""

from __future__ import annotations

import pytest

from support.browsers.chromium import Browser, Page
from support.made.boards import snapshot
from support.made.pages import Sidecar
from support.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "12-0badcafe"
OLD = "delete window.SharedWorker; delete AbortSignal.timeout;"
BECOME = """
Object.defineProperty(document, "visibilityState", {{ value: "{0}", configurable: true }});
document.dispatchEvent(new Event("visibilitychange"));
"""


async def opened(browser: Browser, sidecar: Sidecar) -> Page:
    page = await browser.open(390)
    await page.send("Page.addScriptToEvaluateOnNewDocument", source=OLD)
    await page.goto(sidecar.server.url)
    await page.until("document.querySelector('.title .state')?.textContent === 'healthy'")
    return page


async def test_each_tab_has_a_stream_of_its_own_and_gives_it_back(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.board.update([snapshot(KEY)])
    tabs = [await opened(browser, sidecar) for _ in range(2)]
    assert await tabs[0].run("'SharedWorker' in window || 'timeout' in AbortSignal") is False
    assert sidecar.board.viewers == 2
    sidecar.board.update([snapshot(KEY, "blocked", why="no beat for 4 s")])
    for tab in tabs:
        await tab.until("document.title === 'blocked · lifesign'")
    # The other one is behind it, and nothing is drawn there.
    await tabs[1].until("document.querySelector('.cause .why').textContent === 'no beat for 4 s'")
    await tabs[1].close()
    await until(lambda: sidecar.board.viewers == 1)
    for tab in tabs:
        assert tab.complaints == []
    await tabs[0].close()


async def test_a_hidden_tab_hears_the_verdict_alone(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.board.update([snapshot(KEY)])
    tab = await opened(browser, sidecar)
    await tab.run(BECOME.format("hidden"))
    await until(lambda: [url for url in tab.requests if "stream" in url][-1].endswith("?view=verdict"))
    sidecar.board.update([snapshot(KEY, "frozen", why="nothing runs")])
    await tab.until("document.title === 'frozen · lifesign'")
    assert await tab.run("document.querySelector('.title .state').textContent") == "healthy", "it is not drawn"
    await tab.run(BECOME.format("visible"))
    await tab.until("document.querySelector('.title .state').textContent === 'frozen'")
    await until(lambda: sidecar.board.viewers == 1)
    await tab.close()
