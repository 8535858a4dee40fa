"""Many processes, many tabs: order by need, filters, keys, addresses, one connection, and no more than is looked at."""

from __future__ import annotations

import asyncio

import pytest

from lifesign.watch.telemetry import PostconditionReading, Snapshot
from support.browsers.chromium import Browser, Page
from support.made.boards import snapshot
from support.made.pages import Sidecar, axe, shot

pytestmark = pytest.mark.asyncio(loop_scope="module")

PID = "node.textContent.trim().split(/\\s+/).find((word) => /^\\d+$/.test(word))"
SHOWN = f"[...document.querySelectorAll('.row .who')].map((node) => {PID}).join()"


def fleet() -> list[Snapshot]:
    check = (PostconditionReading("database", False, True, "refused"),)
    return [
        snapshot("10-a"),
        snapshot("11-a", failing=1, postconditions=check),
        snapshot("12-a", "stopped"),
        snapshot("13-a", "dead", why="killed by SIGKILL"),
        snapshot("14-a", "blocked", service="billing"),
        snapshot("15-a", "healthy", service="billing"),
    ]


async def test_those_that_need_somebody_come_first_the_dead_before_the_healthy(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update(fleet())
    await page.until("document.querySelectorAll('.row').length === 6")
    assert await page.run(SHOWN) == "14,13,11,15,10,12"
    assert await page.run("document.getElementById('verdict').textContent") == "1 of 4 blocked"
    heads = await page.run("[...document.querySelectorAll('.list h2')].map((node) => node.textContent.trim()).join()")
    assert heads == "Needs attention 3,billing,orders 2"
    assert await axe(page) == []
    await shot(page, "list")


async def test_chips_and_filter_choose(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update(fleet())
    await page.until("document.querySelectorAll('.row').length === 6")
    await page.run("document.querySelector('.chips .dead').click()")
    assert await page.run(SHOWN) == "13"
    await page.run("document.querySelector('.chips .dead').click()")
    await page.press("/", 191)
    assert await page.run("document.activeElement.className") == "filter"
    await page.run("document.activeElement.value = 'billing'")
    await page.run("document.activeElement.dispatchEvent(new Event('input'))")
    assert await page.run(SHOWN) == "14,15"


async def test_keys_move_and_open_and_an_address_can_be_sent(browser: Browser, sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update(fleet())
    await page.until("document.querySelectorAll('.row').length === 6")
    for key in "jjk":
        await page.press(key, ord(key.upper()))
    assert await page.run("document.activeElement.getAttribute('href')") == "#/process/14-a"
    await page.press("j", 74)
    await page.press("Enter", 13)
    await page.until("document.querySelector('.title .who')?.textContent.startsWith('pid 13')")
    await page.press("Escape", 27)
    await page.until("document.querySelector('.detail').hidden")
    other = await browser.open()
    await other.goto(f"{sidecar.server.url}/#/process/14/history")
    await other.until("document.querySelector('.title .who')?.textContent.startsWith('pid 14')")
    assert await other.run("document.querySelector('.parts [aria-current]').textContent") == "History"
    await other.run("location.hash = '#/process/%'")
    await other.until("document.querySelector('.detail').hidden")
    await other.close()


async def test_a_thousand_processes_can_be_used(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update([snapshot(f"{number}-a") for number in range(1000, 2000)])
    await page.until("document.querySelectorAll('.row').length === 200")
    assert await page.run("document.querySelector('.list > .more').textContent") == "show 800 more"
    assert await page.run("document.querySelectorAll('*').length") < 4000
    sidecar.board.update([*(snapshot(f"{number}-a") for number in range(1000, 1999)), snapshot("1999-a", "frozen")])
    await page.until("document.querySelector('.row .state').textContent === 'frozen'")


async def test_all_tabs_share_one_stream_and_a_hidden_one_has_none_of_it(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.board.update(fleet())
    tabs = []
    for _ in range(8):
        tab = await browser.open()
        await tab.goto(sidecar.server.url)
        await tab.until("document.querySelectorAll('.row').length === 6")
        tabs.append(tab)
    streams = "fetch('api/v1').then((answer) => answer.json()).then(({ data }) => data.streams)"
    assert await tabs[0].run(streams) == 1
    sidecar.board.update([*fleet()[:-1], snapshot("15-a", "frozen", service="billing")])
    for tab in tabs:
        await tab.until("document.title === '1 of 4 frozen · lifesign'")
    for tab in tabs:
        await tab.close()
    await asyncio.sleep(0.1)


async def test_in_forced_colours_states_are_words_and_pictures_keep_theirs(browser: Browser, sidecar: Sidecar) -> None:
    sidecar.board.update(fleet())
    page = await browser.open(forced=True)
    await page.goto(sidecar.server.url)
    await page.until("document.querySelectorAll('.row').length === 6")
    assert await page.run("matchMedia('(forced-colors: active)').matches")
    colours = "[...document.querySelectorAll('.spark path')].map((path) => getComputedStyle(path).fill)"
    assert len(set(await page.run(colours))) > 1
    words = await page.run("[...document.querySelectorAll('.row .state')].map((node) => node.textContent).join()")
    assert words == "blocked,dead,healthy,healthy,healthy,stopped"
    await page.run("document.querySelector('.list .chips button').click()")
    chips = (
        "[...document.querySelectorAll('.list .chips button')].map((chip) => getComputedStyle(chip).backgroundColor)"
    )
    pressed, *others = await page.run(chips)
    assert pressed not in others, "shadows are not drawn there"
    highlight = "getComputedStyle(document.querySelector('.list .chips button')).color"
    assert await page.run(highlight) != "rgb(185, 58, 8)", "nor are colours of ours"
    await shot(page, "forced")
    await page.close()
