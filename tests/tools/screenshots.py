"""Takes the pictures of the local page: the demo with a deadlock, and a few services of which some are ill.

``LIFESIGN_TEST_CHROMIUM=chromium python tests/tools/screenshots.py``, in a virtual environment with lifesign and its
sidecar. The programs are real ones, and so is what the page shows of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from support.browsers.chromium import Browser, Page  # noqa: E402 - of the tests, which are no package

PATIENCE_S = 60.0
SERVICE = """
import asyncio, sys, time
import lifesign

async def consume(queue, beat):
    while True:
        await asyncio.sleep(beat)
        lifesign.event("order")

async def main(kind):
    lifesign.checkpoint("config loaded")
    await asyncio.sleep(0.2)
    lifesign.checkpoint("broker connected")
    ok = kind != "unready"

    @lifesign.postcondition("database connected", every=1.0)
    async def connected():
        return ok, "connection refused"

    tasks = [asyncio.create_task(consume(None, 0.1 + n / 50), name=f"worker-{n}") for n in range(12)]
    await asyncio.sleep(12)
    if kind == "dead":
        raise ValueError("no price for order 4711")
    if kind == "blocked":
        time.sleep(600)
    await asyncio.sleep(600)

asyncio.run(main(sys.argv[1]))
"""
PRESS = "[...document.querySelectorAll('.illnesses button')].some((one) => one.textContent === '{}' && !one.click())"
DEADLOCK = "document.querySelector('.causes .sentence')?.textContent.includes('deadlock')"
TREE = "[...document.querySelectorAll('.dump .chips button')].at(-1).click()"
DEMOS = (
    ("Deadlock", "page", DEADLOCK),
    ("Deadlock", "tree", DEADLOCK),
    ("Short stalls", "stalls", "document.querySelector('.condition') !== null"),
)
FLEET = """
import os, signal, subprocess, sys
kinds = {"checkout": "blocked", "ledger": "dead", "mailer": "unready"}
children = [
    subprocess.Popen([sys.executable, sys.argv[1], kinds.get(name, "") if number == 0 else ""],
                     env={**os.environ, "OTEL_SERVICE_NAME": name})
    for name, many in (("checkout", 6), ("ledger", 4), ("mailer", 4)) for number in range(many)
]
signal.signal(signal.SIGTERM, lambda *_: [child.kill() for child in children])
for child in children:
    child.wait()
"""


@contextlib.asynccontextmanager
async def running(*command: str) -> AsyncIterator[str]:
    """A program of `lifesign`; the address of its page."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("lifesign"), *command,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env=environ,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        said = b""
        while not (found := re.search(rb"page at (http://[^ /]+)", said)):
            line = await process.stderr.readline()
            if not line:
                raise SystemExit(f"{command[0]} has no page: {said.decode()}")
            said += line
        drain = asyncio.ensure_future(process.stderr.read())
        yield found[1].decode()
    finally:  # a supervisor that is killed would leave CMD behind
        process.terminate()
        await process.wait()
    await drain


async def seen(page: Page, script: str) -> None:
    """Waits for it longer than a test would."""
    until = asyncio.get_running_loop().time() + PATIENCE_S
    while not await page.run(f"Boolean({script})"):
        if asyncio.get_running_loop().time() > until:
            raise SystemExit(f"never seen: {script}\n{await page.text()}")
        await asyncio.sleep(0.1)


async def shot(page: Page, name: str) -> None:
    await asyncio.sleep(2)
    await page.screenshot(ROOT / "docs" / f"{name}.png", whole=False)


async def main() -> None:
    async with Browser() as browser:
        for button, name, ready in DEMOS:
            async with running("demo", "--no-browser", "--page-addr", "127.0.0.1:0") as url:
                page = await browser.open(1180, 900)
                await page.goto(url)
                await seen(page, "document.getElementById('verdict').textContent === 'healthy'")
                await seen(page, PRESS.format(button))
                await seen(page, ready)
                if name != "page":
                    await asyncio.sleep(12)
                    await page.run("document.querySelector('.look a').click()")
                    await page.run("document.querySelector('.demo details').open = false")
                if name == "tree":
                    await seen(page, "document.querySelector('.dump .groups li') !== null")
                    await page.run(TREE)
                await shot(page, name)
        with tempfile.TemporaryDirectory() as folder:
            service, fleet = Path(folder, "service.py"), Path(folder, "fleet.py")
            service.write_text(SERVICE)
            fleet.write_text(FLEET)
            command = ("run", "--page-addr", "127.0.0.1:0", "--", sys.executable, str(fleet), str(service))
            async with running(*command) as url:
                page = await browser.open(1180, 900)
                await page.goto(url)
                await seen(page, "document.querySelectorAll('.needs .row').length >= 3")
                await asyncio.sleep(20)  # for sparklines to look at
                await shot(page, "list")


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(main(), 4 * PATIENCE_S))
