"""A real Chromium, driven over its own debugging pipe: no driver, no port, no package.

Chromium started with ``--remote-debugging-pipe`` reads commands of the Chrome DevTools Protocol from
descriptor 3 and writes answers and events to descriptor 4, as JSON with a NUL after each.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
TIMEOUT_S = 60.0


class BrowserError(Exception):
    """The browser refused a command, or a script in the page failed."""


def chromium_path() -> str:
    """The browser to test with.

    Raises:
        BrowserError: there is none; the message names the script that installs one.
    """
    name = os.environ.get("LIFESIGN_TEST_CHROMIUM") or "chromium"
    path = shutil.which(name)
    if path is None:
        raise BrowserError(f"no browser {name!r}: run tests/tools/chromium.sh, or set LIFESIGN_TEST_CHROMIUM")
    return path


class Browser:
    """One Chromium with a profile of its own, for ``async with``."""

    async def __aenter__(self) -> Browser:
        self._profile = tempfile.mkdtemp(prefix="lifesign-chromium-")
        commands, self._to = os.pipe()
        self._from, answers = os.pipe()
        # bash moves the pipes to 3 and 4; the running loop holds those numbers here, so nothing is in the way.
        script = f'exec "$@" 3<&{commands} 4>&{answers}'
        profile = f"--user-data-dir={self._profile}"
        command = ("bash", "-c", script, "bash", chromium_path(), *FLAGS, profile, "about:blank")
        self._process = await asyncio.create_subprocess_exec(
            *command, pass_fds=(commands, answers), stderr=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        os.close(commands)
        os.close(answers)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._pages: dict[str, Page] = {}
        self._reader = asyncio.StreamReader(limit=1 << 26)
        self._transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._reader), os.fdopen(self._from, "rb")
        )
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.send("Browser.close")
        await asyncio.wait_for(self._process.wait(), TIMEOUT_S)
        await self._listening
        os.close(self._to)
        self._transport.close()
        shutil.rmtree(self._profile, ignore_errors=True)

    async def open(self, width: int = 1200, height: int = 900, *, dark: bool = False, forced: bool = False) -> Page:
        """A new, empty page of this size; one narrower than 600 is a phone's. `forced`: in the system's colours."""
        target = await self.send("Target.createTarget", url="about:blank")
        session = (await self.send("Target.attachToTarget", targetId=target["targetId"], flatten=True))["sessionId"]
        page = self._pages[session] = Page(self, session, target["targetId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.send(f"{domain}.enable")
        scale = 2 if width < 600 else 1
        await page.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        colours = {"name": "forced-colors", "value": "active" if forced else "none"}
        await page.send("Emulation.setEmulatedMedia", features=[scheme, colours])
        return page

    async def send(self, method: str, session: str | None = None, **params: Any) -> Any:
        """One command; returns its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        os.write(self._to, msgspec.json.encode(message) + b"\0")
        return await asyncio.wait_for(answer, TIMEOUT_S)

    async def _listen(self) -> None:
        while True:
            try:
                message = msgspec.json.decode((await self._reader.readuntil(b"\0"))[:-1])
            except asyncio.IncompleteReadError:
                return
            if "id" not in message:
                if page := self._pages.get(message.get("sessionId", "")):
                    page.note(message["method"], message["params"])
                continue
            answer = self._waiting.pop(message["id"])
            if "error" in message:
                answer.set_exception(BrowserError(message["error"]["message"]))
            else:
                answer.set_result(message["result"])


class Page:
    """One tab. `complaints` is what its console, its policy and its network complained about."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self._target = target
        self.complaints: list[str] = []
        self.requests: list[str] = []

    async def send(self, method: str, **params: Any) -> Any:
        return await self._browser.send(method, self._session, **params)

    def note(self, method: str, params: dict[str, Any]) -> None:
        """Take in an event of the page."""
        if method == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"].get("exception", {}).get("description", "exception"))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"a dialog opened: {params['message']}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    async def goto(self, url: str) -> None:
        await self.send("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def close(self) -> None:
        await self._browser.send("Target.closeTarget", targetId=self._target)

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        result = await self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise BrowserError(f"{script}: {result['exceptionDetails']['exception'].get('description')}")
        return result["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until the expression is truthy.

        Raises:
            BrowserError: it did not become true in time.
        """
        deadline = asyncio.get_running_loop().time() + TIMEOUT_S
        while not await self.run(f"Boolean({script})"):
            if asyncio.get_running_loop().time() > deadline:
                raise BrowserError(f"never became true: {script}")
            await asyncio.sleep(0.05)

    async def text(self) -> str:
        """What a person can read on the page."""
        return str(await self.run("document.body.innerText"))

    async def press(self, key: str, code: int) -> None:
        """A key stroke, such as ``("Tab", 9)``."""
        text = {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            await self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)

    async def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Takes a picture: of the whole page, or of what is seen of it."""
        shot = await self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))
