"""A day: neither the sidecar nor a tab that is open all the time grows, while hundreds of processes come and go."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from support.browsers.chromium import Browser, Page
from support.paths import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1 << 20
# The tab's own clock is that of the sidecar, as far as the newest event tells it.
CLOCK = """
delete window.SharedWorker;
let now = 0;
performance.now = () => now;
window.EventSource = class extends EventSource {
  constructor(url) {
    super(url);
    const hear = ({ data }) => { now = JSON.parse(data).at; };
    for (const type of ["rows", "beat", "verdict"]) this.addEventListener(type, hear);
  }
};
"""
ROUND = ("", "/overview", "/tasks", "/stalls", "/history", "/tasks")
OPEN = "location.hash = `${{document.querySelector('.row')?.hash ?? '#/process/x'}}{}`"
UNFOLD = "document.querySelectorAll('details').forEach((node) => { node.open = true; })"
TREE = "[...document.querySelectorAll('.dump .chips button')].at(-1)?.click()"


class Used(NamedTuple):
    """Bytes of the sidecar's memory and of the tab's heap, and how many nodes and listeners the tab has."""

    sidecar: int
    heap: int
    nodes: int
    listeners: int


async def tab_of(browser: Browser, url: str) -> Page:
    page = await browser.open()
    await page.send("Page.addScriptToEvaluateOnNewDocument", source=CLOCK)
    await page.goto(url)
    return page


async def used(page: Page, sidecar: int) -> Used:
    await page.send("HeapProfiler.collectGarbage")
    heap = await page.send("Runtime.getHeapUsage")
    counted = await page.send("Memory.getDOMCounters")
    return Used(sidecar, int(heap["usedSize"]), counted["nodes"], counted["jsEventListeners"])


async def test_a_day_with_fifty_processes_takes_no_more_memory_than_half_a_day(
    browser: Browser, tmp_path: Path
) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "tests" / "e2e" / "victims" / "day.py"), str(tmp_path),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env={"PYTHONPATH": str(ROOT / "tests")},
    )  # fmt: skip
    assert program.stdin is not None
    assert program.stdout is not None
    try:
        page = await tab_of(browser, (await program.stdout.readline()).decode().strip())
        seen: list[Used] = []
        for hour in range(24):
            program.stdin.write(b"1\n")
            answer = asyncio.ensure_future(program.stdout.readline())
            for part in ROUND:  # somebody looks at this and that meanwhile
                await page.run("location.hash = '#/'" if not part else OPEN.format(part))
                await page.run(f"{UNFOLD}; {TREE}")
                await asyncio.sleep(0.02)
            await page.run("location.hash = '#/'")
            memory = int(await asyncio.wait_for(answer, 120))
            if hour % 6 == 5:
                await page.until("document.querySelectorAll('.row').length === 100")
                seen.append(await used(page, memory))
        half, whole = seen[1], seen[3]
        assert whole.sidecar < half.sidecar + 4 * MIB, seen
        assert whole.heap < half.heap + MIB // 2, seen
        assert whole.nodes < 1.2 * half.nodes + 500, seen
        assert whole.listeners < 1.2 * half.listeners + 100, seen
        assert [one for one in page.complaints if "404" not in one] == []  # whose process is not remembered any more
        await page.close()
    finally:
        program.stdin.close()
        await asyncio.wait_for(program.wait(), 30)
