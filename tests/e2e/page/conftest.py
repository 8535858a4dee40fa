"""One browser for all tests of the page; each has a sidecar and a page of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from support.browsers.chromium import Browser, Page
from support.built import built
from support.made.pages import Sidecar


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    built("chromium")
    async with Browser() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def sidecar() -> AsyncIterator[Sidecar]:
    sidecar = Sidecar()
    await sidecar.start()
    yield sidecar
    await sidecar.server.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, sidecar: Sidecar) -> AsyncIterator[Page]:
    page = await browser.open()
    await page.goto(sidecar.server.url)
    yield page
    await page.close()
