"""The local page in a real browser: hostile text stays text, changes appear, the button asks, losses are shown."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lifesign.errors import NotAnsweredError
from lifesign.watch.telemetry import CheckpointReading, EventReading, PostconditionReading, Snapshot, StallReading
from support.browser import Browser, BrowserError, Page, chromium_path
from support.made.boards import NOON, dump_log, group_log, log, snapshot
from support.made.pages import Sidecar, shot

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "12-0badcafe"


def hostile(place: str) -> str:
    """Text that runs where it is taken for HTML, and says where that was."""
    return f"<img src=x onerror=\"window.ran='{place}'\"><script>window.ran='{place}'</script>{place}"


def hostile_snapshot() -> Snapshot:
    return snapshot(
        KEY,
        state="blocked",
        why=hostile("why"),
        command=hostile("command"),
        service=hostile("service"),
        events=(EventReading(hostile("event"), 3, 1, 9.0, 5.0),),
        postconditions=(PostconditionReading(hostile("check"), False, True, hostile("reason")),),
        checkpoints=(CheckpointReading(hostile("checkpoint"), None, NOON, None, hostile("failure")),),
        conditions=(hostile("condition"),),
        stalls=(stall(1, 3.0, hostile("culprit"), thread=hostile("thread"), task=hostile("worker")),),
    )


def stall(number: int, total: float, function: str = "render", **changes: Any) -> StallReading:
    """A culprit; it was called by a package that the user's own code called."""
    frames = [("handle", "/srv/app.py"), ("route", "/srv/.venv/lib/python3.12/site-packages/web/app.py")]
    stack: Any = [{"function": name, "file": file, "line": 8} for name, file in (*frames, (function, "/srv/app.py"))]
    stacks: Any = ({"stack": stack, "samples": 3, "time": 1, "computing": 1},)
    numbers: Any = {"count": 14, "total": total, "worst": 1.2, "last": NOON, "computing": total / 2, "stacks": stacks}
    return StallReading(
        number, **{"what": "call", "function": function, "file": "/srv/app.py", "line": 8, **numbers, **changes}
    )


async def test_hostile_text_is_shown_and_never_run(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update([hostile_snapshot()])
    sidecar.board.add(
        [],
        [
            log(hostile("body"), attributes={"code.stacktrace": hostile("stack")}),
            dump_log("d1", reason=hostile("asked")),
            group_log(0, 5, "d1", stack=hostile("group"), names=[hostile("task")], waits_for=hostile("lock")),
        ],
    )
    await page.until("document.querySelector('.groups li') !== null")
    await page.run("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
    shown = await page.text()
    places = "why command service event check reason checkpoint failure condition culprit thread worker"
    places += " body stack asked group task lock"
    assert [place for place in places.split() if hostile(place) not in shown] == []
    await asyncio.sleep(0.3)  # an onerror would come now
    assert await page.run("typeof window.ran") == "undefined"
    assert await page.run("document.querySelectorAll('img, .card script').length") == 0
    assert page.complaints == []
    assert [url for url in page.requests if not url.startswith((sidecar.server.url, "data:"))] == []
    await shot(page, "hostile")


async def test_the_policy_stops_even_a_script_that_got_in(page: Page) -> None:
    await page.run("document.body.innerHTML = '<img src=x onerror=\"window.ran=1\">'")
    await asyncio.sleep(0.3)
    assert await page.run("typeof window.ran") == "undefined"
    assert any("Content Security Policy" in complaint for complaint in page.complaints)


async def test_without_a_process_the_page_says_what_to_do(page: Page) -> None:
    await page.until("document.getElementById('connection').textContent === 'live'")
    assert "lifesign run -- python your_service.py" in await page.text()
    await shot(page, "empty")


async def test_a_change_of_state_appears_and_is_announced(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update([snapshot(KEY, "healthy", why="beats and events in time")])
    await page.until("document.querySelector('.card .state')?.textContent === 'healthy'")
    assert "No process is watched yet" not in await page.text()
    await page.run("document.querySelector('.card').dataset.mine = 'kept'")
    sidecar.board.update([snapshot(KEY, "blocked", why="no beat for 4.0 s", new_delays=())])
    await page.until("document.querySelector('.card .state').textContent === 'blocked'")
    assert "no beat for 4.0 s" in await page.text()
    announced = await page.run("document.querySelector('[aria-live]').textContent")
    assert announced == "orders, process 12, is blocked: no beat for 4.0 s"
    assert await page.run("document.title") == "1 blocked · lifesign"
    assert await page.run("document.querySelector('.card').dataset.mine") == "kept", (
        "the card is updated, not made anew"
    )
    await shot(page, "blocked")


async def test_the_button_asks_and_the_dump_appears(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update([snapshot(KEY)])
    await page.until("document.querySelector('button')")
    await page.run("document.querySelector('.dump button').focus()")
    await page.press("Enter", 13)
    await page.until("document.querySelector('.dump .status').textContent.startsWith('requested')")
    assert sidecar.asked == [KEY]
    sidecar.board.add([], [dump_log("d1", 5, 2), group_log(0, 4, "d1"), group_log(1, 1, "d1")])
    await page.until("document.querySelectorAll('.groups li').length === 2")
    assert "5 tasks in 2 groups" in await page.text()
    assert await page.run("document.querySelector('.dump .status').textContent") == ""
    assert page.complaints == []


async def test_the_frames_of_libraries_are_folded_between_those_of_the_user(sidecar: Sidecar, page: Page) -> None:
    stack = [
        'File "/srv/shop.py", line 3, in main\n  await redis.get(key)',
        'File "/srv/.venv/lib/python3.12/site-packages/redis/client.py", line 9, in Redis.get',
        'File "/usr/lib/python3.12/asyncio/streams.py", line 7, in StreamReader.readline',
    ]
    sidecar.board.update([snapshot(KEY)])
    sidecar.board.add([], [dump_log("d1", 1, 1), group_log(0, 1, "d1", stack="\n".join(stack))])
    await page.until("document.querySelectorAll('.groups li').length === 1")
    shown = await page.text()
    assert 'File "/srv/shop.py", line 3, in main' in shown
    assert "2 frames of libraries: StreamReader.readline" in shown
    assert "site-packages" not in shown
    await page.run("document.querySelector('.groups details details').open = true")
    assert "site-packages" in await page.text()


ROW = "document.querySelectorAll('.stalls tbody tr')"


async def test_what_stalls_the_loop_is_a_table_with_the_worst_first(sidecar: Sidecar, page: Page) -> None:
    nobody = stall(2, 1.0, "", what="quota", file="", line=0, stacks=())
    others = StallReading(0, "other", count=3, total=0.5)
    sidecar.board.update(
        [snapshot(KEY, conditions=("stalling", "busy"), utilization=0.34, stalls=(stall(1, 4.5), nobody, others))]
    )
    await page.until(f"{ROW}.length === 3")
    parts = "'.label, p.note, th > span.note, .number'"
    cells = f"[...{ROW}].map((row) => [...row.querySelectorAll({parts})].map((node) => node.textContent))"
    first, second, third = await page.run(cells)
    assert first[:2] == ["render", "app.py:8"]
    assert first[2].startswith("50 % computing · last ")
    assert first[3:] == ["14", "4.5 s", "1.2 s"]
    assert (second[0], second[3:]) == ("the CPU quota was used up", ["14", "1.0 s", "1.2 s"])
    assert (third[0], third[3:]) == ("others", ["3", "500 ms", ""])
    widths = await page.run(f"[...{ROW}].map((row) => row.querySelector('rect').getAttribute('width')).join()")
    assert widths == "75,17,8"
    shown = await page.text()
    assert "6.0 s since the start" in shown
    assert "event loop at work" in shown
    assert await page.run("[...document.querySelectorAll('.condition')].map((node) => node.textContent).join()") == (
        "stalling,busy"
    )
    await page.run(f"{ROW}[0].querySelector('details').open = true")
    assert "1 frame of libraries: route" in await page.text()
    await shot(page, "stalls")
    sidecar.board.update([snapshot(KEY, stalls=(stall(1, 5.0),))])
    await page.until(f"{ROW}.length === 1")
    assert await page.run(f"{ROW}[0].querySelector('details').open"), "it is updated, not made anew"
    assert await page.run("document.querySelectorAll('.condition').length") == 0
    sidecar.board.update([snapshot(KEY)])
    await page.until("document.querySelector('.stalls').hidden")


async def test_a_refused_dump_is_told_with_its_hint(sidecar: Sidecar, page: Page) -> None:
    sidecar.answer = NotAnsweredError("the pulse is full", "free /dev/shm")
    sidecar.board.update([snapshot(KEY)])
    await page.until("document.querySelector('button')")
    await page.run("document.querySelector('.dump button').click()")
    await page.until("document.querySelector('.dump .status').textContent === 'the pulse is full; try: free /dev/shm'")


async def test_an_ended_process_cannot_be_asked(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update([snapshot(KEY, "dead")])
    await page.until("document.querySelector('.dump button')?.disabled")


async def test_a_lost_sidecar_is_told_and_found_again(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update([snapshot(KEY)])
    await page.until("document.getElementById('connection').textContent === 'live'")
    port = int(sidecar.server.url.rpartition(":")[2])
    await sidecar.server.close()
    await page.until("!document.getElementById('lost').hidden")
    assert "Connection lost, retrying" in await page.text()
    await shot(page, "lost")
    sidecar.board.update([snapshot(KEY, "silent")])
    await sidecar.start(port)
    await page.until("document.getElementById('lost').hidden")
    await page.until("document.querySelector('.card .state').textContent === 'silent'")


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (1200, True), (320, False), (320, True)])
async def test_nothing_is_wider_than_the_screen(browser: Browser, sidecar: Sidecar, width: int, dark: bool) -> None:
    sidecar.board.update([hostile_snapshot(), snapshot("13-1", "starting", boot="starting", boot_duration=None)])
    sidecar.board.add([], [log("x" * 500, attributes={"code.stacktrace": "y" * 500}), dump_log(), group_log(0, 5)])
    page = await browser.open(width, 800, dark=dark)
    await page.goto(sidecar.server.url)
    await page.until("document.querySelectorAll('.card').length === 2")
    assert await page.run("document.documentElement.scrollWidth") == width
    ground = await page.run("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(18, 21, 27)" if dark else "rgb(244, 245, 247)")
    await page.run("document.querySelectorAll('.stalls details').forEach((node) => { node.open = true; })")
    await shot(page, f"{width}-{'dark' if dark else 'light'}")
    await page.close()


async def test_a_missing_browser_names_the_script_that_installs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFESIGN_TEST_CHROMIUM", "/nowhere/chromium")
    with pytest.raises(BrowserError, match=r"tests/tools/chromium\.sh"):
        chromium_path()
