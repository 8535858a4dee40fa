"""The local page in a real browser: hostile text stays text, changes appear, the button asks, losses are shown."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from lifesign.watch.telemetry import (
    CauseReading,
    CheckpointReading,
    EventReading,
    PostconditionReading,
    Snapshot,
    StallReading,
)
from support.browsers.chromium import Browser, BrowserError, Page, chromium_path
from support.made.boards import NOON, log, snapshot
from support.made.dumps import dumped as dump
from support.made.dumps import frame, group
from support.made.pages import Sidecar, at, axe, shot

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
        causes=(CauseReading("w", hostile("sentence"), "", hostile("file"), 3, (hostile("evidence"),)),),
        dump=dump(
            group(0, 5, "work", names=[hostile("task")], waits_for=hostile("lock"), stack=[frame(hostile("frame"), 3)]),
            reason=hostile("asked"),
        ),
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


STATE = "document.querySelector('.title .state')?.textContent"
BADGE = "document.getElementById('verdict').textContent"


async def test_hostile_text_is_shown_and_never_run(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update([hostile_snapshot()])
    sidecar.board.add([], [log(hostile("body"), attributes={"code.stacktrace": hostile("stack")})])
    await page.until("document.querySelector('.checks li') !== null")
    shown = ""
    for part in ("overview", "tasks", "stalls", "history"):
        await at(page, part)
        ready = {"tasks": ".dump .groups li", "history": ".past li", "stalls": ".flame .box"}.get(part, ".cause")
        await page.until(f"document.querySelector('{ready}') !== null")
        await page.run("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
        await asyncio.sleep(0.1)
        shown += await page.text()
    places = "why command service event check reason checkpoint failure condition culprit thread worker"
    places += " body stack asked task lock frame sentence evidence"
    assert [place for place in places.split() if hostile(place) not in shown] == []
    await asyncio.sleep(0.3)  # an onerror would come now
    assert await page.run("typeof window.ran") == "undefined"
    assert await page.run("document.querySelectorAll('img, main script').length") == 0
    assert page.complaints == []
    assert [url for url in page.requests if not url.startswith((sidecar.server.url, "data:"))] == []
    await shot(page, "hostile")


async def test_text_that_would_turn_what_follows_is_written_out(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update([snapshot(KEY, "silent", why="a \u202e b", service="pay\u2066ments")])
    await page.until(STATE)
    await page.until("document.querySelector('.cause .why').textContent !== ''")
    shown = await page.text()
    assert "a \\u202e b" in shown
    assert "pay\\u2066ments" in shown
    whole = await page.run("document.documentElement.outerHTML + document.title")
    assert not set(whole) & set("\u202e\u2066"), "nor is it in an attribute"


async def test_the_policy_stops_even_a_script_that_got_in(page: Page) -> None:
    await page.run("document.body.innerHTML = '<img src=x onerror=\"window.ran=1\">'")
    await asyncio.sleep(0.3)
    assert await page.run("typeof window.ran") == "undefined"
    assert any("Content Security Policy" in complaint for complaint in page.complaints)


async def test_without_a_process_the_page_says_what_to_do(page: Page) -> None:
    await page.until(f"{BADGE} === 'no process yet'")
    assert "lifesign run -- python your_service.py" in await page.text()
    assert await axe(page) == []
    await shot(page, "empty")


async def test_a_change_of_state_is_in_badge_title_and_favicon_and_read_out(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update([snapshot(KEY, "healthy", why="beats and events in time")])
    await page.until(f"{STATE} === 'healthy'")
    assert "No process is watched yet" not in await page.text()
    assert await page.run("document.title") == "healthy · lifesign"
    green = await page.run("document.getElementById('icon').href")
    await page.run("document.querySelector('.cause').dataset.mine = 'kept'")
    cause = CauseReading("blocking-call", "render (app.py:8) blocks the event loop", "render", "/srv/app.py", 8)
    blocked = snapshot(KEY, "blocked", why="no beat for 4.0 s", new_delays=(), causes=(cause,))
    sidecar.board.update([msgspec.structs.replace(blocked, dump=dump(group(0, 4, "work")))])  # of 1970
    await page.until(f"{STATE} === 'blocked'")
    await page.until("document.querySelector('.cause .verdict').textContent.includes('· tasks looked at ')")
    await page.until("document.querySelector('.sentence')?.textContent.startsWith('render (app.py:8) blocks')")
    assert "no beat for 4.0 s" in await page.text()
    assert (await page.run(BADGE), await page.run("document.title")) == ("blocked", "blocked · lifesign")
    assert await page.run("document.getElementById('icon').href") != green
    assert await page.run("document.querySelector('[aria-live]').textContent") == "blocked"
    assert await page.run("document.querySelector('.cause').dataset.mine") == "kept", "updated, not made anew"
    assert await page.run("document.querySelector('.causes .place').href") == "vscode://file/srv/app.py:8"
    await shot(page, "blocked")


async def test_nothing_is_green_while_a_critical_check_fails(sidecar: Sidecar, page: Page) -> None:
    check = PostconditionReading("database", False, True, "refused")
    sidecar.board.update([snapshot(KEY, failing=1, postconditions=(check,))])
    await page.until(f"{BADGE} === 'healthy, not ready'")
    assert await page.run("document.getElementById('verdict').className") == "badge warn"
    assert await page.run("document.title") == "healthy, not ready · lifesign"
    assert "check database fails" in await page.text()
    await page.until("document.querySelector('.checks li') !== null")
    await page.run("[...document.querySelectorAll('.checks button')].at(0).click()")
    await page.until("document.querySelector('.checks h3').textContent.includes('they run in its event loop')")
    assert sidecar.asked == [f"checks {KEY}"]


async def test_a_sidecar_that_no_longer_polls_is_unknown_and_grey(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update([snapshot(KEY)])
    await page.until(f"{BADGE} === 'healthy'")
    assert sidecar.board._updated is not None
    sidecar.board._updated -= 20
    await page.until(f"{BADGE} === 'unknown'")
    assert await page.run("document.title") == "unknown · lifesign"
    assert "has not polled its processes for 2" in await page.text()
    assert await axe(page) == []


ROW = "document.querySelectorAll('.stalls tbody tr')"


async def test_what_stalls_the_loop_is_a_table_with_the_worst_first(sidecar: Sidecar, page: Page) -> None:
    nobody = stall(2, 1.0, "", what="quota", file="", line=0, stacks=())
    others = StallReading(0, "other", count=3, total=0.5)
    sidecar.board.update(
        [snapshot(KEY, conditions=("stalling", "busy"), utilization=0.34, stalls=(stall(1, 4.5), nobody, others))]
    )
    await at(page, "stalls")
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
    assert "6.0 s since the start" in await page.text()
    assert await page.run("[...document.querySelectorAll('.condition')].map((node) => node.textContent).join()") == (
        "stalling,busy"
    )
    await page.run(f"{ROW}[0].querySelector('details').open = true")
    assert "1 frame of libraries: route" in await page.text()
    assert await axe(page) == []
    await shot(page, "stalls")
    sidecar.board.update([snapshot(KEY, stalls=(stall(1, 5.0),))])
    await page.until(f"{ROW}.length === 1")
    assert await page.run(f"{ROW}[0].querySelector('details').open"), "it is updated, not made anew"
    sidecar.board.update([snapshot(KEY)])
    await page.until("document.querySelector('.stalls').hidden")


async def test_what_has_ended_stays_with_its_end_and_cannot_be_asked(sidecar: Sidecar, page: Page) -> None:
    why = "exit code 3, nobody asked for it"
    sidecar.board.update([snapshot(KEY, "dead", why=why, dump=dump(group(0, 4, "work")))])
    sidecar.board.add([], [log("the last words", event="lifesign.process.died")])
    sidecar.board.update([])
    await page.until(f"{STATE} === 'dead'")
    assert await page.run(BADGE) == "dead"
    await page.until("document.querySelector('.cause .why').textContent !== ''")
    assert why in await page.text()
    assert "no longer watched" in await page.text()
    await at(page, "tasks")
    await page.until("document.querySelectorAll('.dump .groups > li').length === 1")
    assert await page.run("document.querySelector('.dump button').disabled")
    await at(page, "history")
    await page.until("document.querySelector('.past li')?.textContent.includes('the last words')")


async def test_a_lost_sidecar_is_told_and_found_again(sidecar: Sidecar, page: Page) -> None:
    sidecar.board.update([snapshot(KEY)])
    await page.until(f"{BADGE} === 'healthy'")
    port = int(sidecar.server.url.rpartition(":")[2])
    await sidecar.server.close()
    await page.until("!document.getElementById('lost').hidden")
    assert "Connection lost, retrying: the sidecar does not answer." in await page.text()
    assert await page.run(BADGE) == "unknown"
    assert await page.run(STATE) == "healthy", "what was seen last is still there"
    await shot(page, "lost")
    sidecar.board.update([snapshot(KEY, "silent")])
    await sidecar.start(port)
    await page.until("document.getElementById('lost').hidden")
    await page.until(f"{STATE} === 'silent'")


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (1200, True), (320, False), (320, True)])
async def test_nothing_is_wider_than_the_screen_and_axe_finds_nothing(
    browser: Browser, sidecar: Sidecar, width: int, dark: bool
) -> None:
    seen = hostile_snapshot()
    sidecar.board.update([seen, snapshot("13-1", "starting", boot="starting", boot_duration=None)])
    sidecar.board.add([], [log("x" * 500, attributes={"code.stacktrace": 'File "/a.py", line 3, in ' + "y" * 500})])
    page = await browser.open(width, 800, dark=dark)
    await page.goto(sidecar.server.url)
    await page.until("document.querySelectorAll('.row').length === 2")
    ground = await page.run("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(18, 21, 27)" if dark else "rgb(244, 245, 247)")
    for part in ("", "overview", "tasks", "stalls", "history"):
        if part:
            await at(page, part)
            await asyncio.sleep(0.5)
        await page.run("document.querySelectorAll('details').forEach((node) => { node.open = true; })")
        assert await page.run("document.documentElement.scrollWidth") <= width, part
        assert await axe(page) == [], part
        await shot(page, f"{width}-{'dark' if dark else 'light'}-{part or 'list'}")
    await page.close()


async def test_a_missing_browser_names_the_script_that_installs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFESIGN_TEST_CHROMIUM", "/nowhere/chromium")
    with pytest.raises(BrowserError, match=r"tests/tools/chromium\.sh"):
        chromium_path()
