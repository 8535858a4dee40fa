"""The sample service's buttons on the page: each is pressed here, and says what to look at."""

from __future__ import annotations

import pytest

from lifesign.cli.sidecar.demo import BUTTONS
from lifesign.errors import LifesignError
from lifesign.serve.behind import Demo, Lookups
from support.browsers.chromium import Browser
from support.made.boards import snapshot
from support.made.pages import Sidecar, axe, shot

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRESS = "[...document.querySelectorAll('.illnesses button')].find((node) => node.textContent === {!r}).click()"
SAID = "(document.querySelector('.look')?.textContent ?? '')"


@pytest.mark.parametrize("width", [1200, 390, 320])
async def test_a_button_says_what_to_look_at_and_leads_there(browser: Browser, width: int) -> None:
    pressed: list[str] = []

    def press(letter: str) -> None:
        if letter == "k":
            raise LifesignError("the order desk has ended", "lifesign demo, which starts it again")
        pressed.append(letter)

    sidecar = Sidecar(Lookups(demo=Demo(lambda: BUTTONS, press)))
    await sidecar.start()
    page = await browser.open(width)
    try:
        await page.goto(sidecar.server.url)
        sidecar.board.update([snapshot()])
        await page.until(f"document.querySelectorAll('.illnesses button').length === {len(BUTTONS)}")
        await page.run(PRESS.format("Deadlock"))
        await page.until(f"{SAID}.includes('In the await tree the ring is red')")
        assert pressed == ["d"]
        assert await page.run("document.querySelector('.look').getAttribute('role')") == "status"
        assert await page.run("document.documentElement.scrollWidth <= innerWidth")
        assert await axe(page) == []
        await shot(page, f"demo-{width}")
        await page.run("document.querySelector('.look a').click()")
        await page.until("document.querySelector('.parts [aria-current]')?.textContent === 'Tasks'")
        await page.run(PRESS.format("Crash"))
        await page.until(f"{SAID}.includes('The order desk has ended; try: lifesign demo')")
        assert page.complaints == [] or all("409" in complaint for complaint in page.complaints)
    finally:
        await page.close()
        await sidecar.server.close()


async def test_where_there_is_no_sample_service_there_are_no_buttons(browser: Browser) -> None:
    sidecar = Sidecar()
    await sidecar.start()
    page = await browser.open()
    try:
        await page.goto(sidecar.server.url)
        sidecar.board.update([snapshot()])
        await page.until("document.querySelector('.title .state') !== null")
        assert await page.run("document.getElementById('demo').hidden")
    finally:
        await page.close()
        await sidecar.server.close()
