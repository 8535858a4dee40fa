"""The flame graph in a real browser: places are readable, one zooms, keys move, a list says the same."""

from __future__ import annotations

import pytest

from lifesign.watch.telemetry import StallReading
from support.browsers.chromium import Browser, Page
from support.made.boards import snapshot
from support.made.pages import Sidecar, shot
from support.made.stalls import DUMPS, HANDLE, RENDER, stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = "<img src=x onerror=\"window.ran='flame'\">"
ENCODE = {"function": "encode", "file": "/usr/lib/python3.11/json/encoder.py", "line": 200}
STALLS = (
    StallReading(1, "call", count=3, samples=30, stacks=(stack(HANDLE, RENDER, DUMPS, ENCODE, seconds=3, samples=30),)),
    StallReading(2, "call", count=1, samples=10, stacks=(stack(HANDLE, {**RENDER, "function": HOSTILE}, seconds=1),)),
)
LABELS = "[...document.querySelectorAll('.flame .box')].map((box) => box.textContent).join(' | ')"
FOCUSED = "document.activeElement.textContent"


async def drawn(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update([snapshot(stalls=STALLS)])
    await page.run("location.hash = '#/process/12/stalls'")
    await page.until("document.querySelectorAll('.flame .box').length === 5")


async def press(page: Page, key: str) -> None:
    await page.send("Input.dispatchKeyEvent", type="keyDown", key=key)
    await page.send("Input.dispatchKeyEvent", type="keyUp", key=key)


async def test_places_are_readable_and_as_wide_as_their_time(sidecar: Sidecar, page: Page) -> None:
    await drawn(sidecar, page)
    assert await page.run(LABELS) == (
        f"stalled | handle app.py:20 | render app.py:8 | dumps … encode | {HOSTILE} app.py:8"
    ), "each before what it calls, and calls between libraries are one box"
    share = await page.run("(() => { const [all, , render] = document.querySelectorAll('.flame .box');"
                           "return render.offsetWidth / all.offsetWidth; })()")  # fmt: skip
    assert 0.74 < share < 0.76, "3 s of 4 s"
    assert await page.run("typeof window.ran") == "undefined"
    assert page.complaints == [], "the policy allows all of it"
    await shot(page, "flame")


async def test_the_list_says_the_same(sidecar: Sidecar, page: Page) -> None:
    await drawn(sidecar, page)
    await page.run("document.querySelector('section.time details').open = true")
    text = await page.text()
    assert "stalled: 3.0 s, 75 %, 30 samples, computing" in text
    assert "dumps (/usr/lib/python3.11/json/__init__.py:231)" in text
    assert f"{HOSTILE} (/srv/shop/app.py:8)" in text


async def test_keys_move_and_zoom(sidecar: Sidecar, page: Page) -> None:
    await drawn(sidecar, page)
    assert await page.run("document.querySelectorAll('.flame [tabindex=\"0\"]').length") == 1, "one stop for Tab"
    await page.run("document.querySelector('.flame [tabindex=\"0\"]').focus()")
    for key, expected in (
        ("ArrowDown", "handle app.py:20"),
        ("ArrowDown", "render app.py:8"),
        ("ArrowRight", f"{HOSTILE} app.py:8"),
        ("ArrowLeft", "render app.py:8"),
        ("ArrowUp", "handle app.py:20"),
        ("Home", "stalled"),
    ):
        await press(page, key)
        assert await page.run(FOCUSED) == expected, key
    await press(page, "ArrowDown")
    await press(page, "ArrowDown")
    await page.run("document.activeElement.click()")
    assert await page.run(LABELS) == "stalled | handle app.py:20 | render app.py:8 | dumps … encode"
    assert await page.run(FOCUSED) == "render app.py:8"
    said = await page.run("document.activeElement.getAttribute('aria-label')")
    assert said == "render (/srv/shop/app.py:8): 3.0 s, 75 %, 30 samples, computing"
    more = StallReading(3, "call", count=1, samples=1, stacks=(stack(RENDER, seconds=2, samples=1),))
    sidecar.board.update([snapshot(stalls=(*STALLS, more))])
    await page.until("document.querySelector('section.time h3').textContent.includes('6.0 s')")
    assert await page.run(FOCUSED) == "render app.py:8", "new samples leave the zoom and the focus"
    await press(page, "Escape")
    assert await page.run("document.querySelectorAll('.flame .box').length") == 6
    await page.run("new Promise((done) => setTimeout(done, 100))")  # where an address changes, that is heard of later
    assert await page.run("location.hash") == "#/process/12/stalls", "Escape does not leave the process too"
    assert await page.run(FOCUSED) == "render app.py:8"


@pytest.mark.parametrize("width", [320, 1200])
async def test_it_fits_the_screen(browser: Browser, sidecar: Sidecar, width: int) -> None:
    page = await browser.open(width, 800, dark=width == 320)
    await page.goto(sidecar.server.url)
    await drawn(sidecar, page)
    assert await page.run("document.documentElement.scrollWidth") <= width
    await shot(page, f"flame-{width}")
    await page.close()
