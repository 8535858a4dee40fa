"""A real Firefox, driven over the WebDriver BiDi that it speaks itself: no driver, no package."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
from typing import Any

import msgspec

TIMEOUT_S = 60.0
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # of the handshake; any will do
_MASK = 1
_MASKED = bytes(byte ^ _MASK for byte in range(256))


class FirefoxError(Exception):
    """The browser refused a command, or a script in the page failed."""


class Firefox:
    """One Firefox with a profile and one tab of its own, for ``async with``. `complaints` is what its console said."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.complaints: list[str] = []

    async def __aenter__(self) -> Firefox:
        self._profile = tempfile.mkdtemp(prefix="lifesign-firefox-")
        command = (self._path, "--headless", "--no-remote", "--profile", self._profile, "--remote-debugging-port", "0")
        environ = {**os.environ, "HOME": self._profile, "MOZ_DISABLE_CONTENT_SANDBOX": "1"}  # root in a container
        self._process = await asyncio.create_subprocess_exec(
            *command, env=environ, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        try:
            await self._begin()
        except BaseException:
            self._process.kill()
            raise
        return self

    async def _begin(self) -> None:
        assert self._process.stderr is not None
        said = ""
        while "WebDriver BiDi listening on ws://" not in said:
            line = await asyncio.wait_for(self._process.stderr.readline(), TIMEOUT_S)
            if not line:
                raise FirefoxError("it ended")
            said = line.decode(errors="replace")
        # What else it says is read, or it would wait for that some day.
        self._saying = asyncio.create_task(self._process.stderr.read())
        host, _, port = said.strip().rpartition("ws://")[2].rpartition(":")
        self._reader, self._writer = await asyncio.open_connection(host, int(port), limit=1 << 26)
        await self._shake_hands(f"{host}:{port}")
        self._numbers = itertools.count(1)
        await self.send("session.new", capabilities={})
        await self.send("session.subscribe", events=["log.entryAdded"])
        self._tab = (await self.send("browsingContext.getTree"))["contexts"][0]["context"]

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        self._process.terminate()
        await asyncio.wait_for(self._process.wait(), TIMEOUT_S)
        await self._saying
        shutil.rmtree(self._profile, ignore_errors=True)

    async def before_each_page(self, script: str) -> None:
        """Runs these statements in every page, before its own."""
        await self.send("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    async def resize(self, width: int, height: int) -> None:
        await self.send("browsingContext.setViewport", context=self._tab, viewport={"width": width, "height": height})

    async def goto(self, url: str) -> None:
        await self.send("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression in the page, as JSON has it."""
        wrapped = f"Promise.resolve({script}).then((value) => JSON.stringify(value ?? null))"
        target = {"context": self._tab}
        answer = await self.send("script.evaluate", expression=wrapped, target=target, awaitPromise=True)
        if answer["type"] != "success":
            raise FirefoxError(f"{script}: {answer['exceptionDetails']['text']}")
        return msgspec.json.decode(answer["result"]["value"])

    async def until(self, script: str) -> None:
        """Waits until the expression is truthy.

        Raises:
            FirefoxError: it did not become true in time.
        """
        deadline = asyncio.get_running_loop().time() + TIMEOUT_S
        while not await self.run(f"Boolean({script})"):
            if asyncio.get_running_loop().time() > deadline:
                raise FirefoxError(f"never became true: {script}")
            await asyncio.sleep(0.05)

    async def send(self, method: str, **params: Any) -> Any:
        """One command, one after the other; returns its result."""
        number = next(self._numbers)
        self._frame(msgspec.json.encode({"id": number, "method": method, "params": params}))
        while True:
            message = msgspec.json.decode(await asyncio.wait_for(self._message(), TIMEOUT_S))
            if message.get("method") == "log.entryAdded" and message["params"]["level"] == "error":
                self.complaints.append(str(message["params"]["text"]))
            if message.get("id") == number:
                if message["type"] == "error":
                    raise FirefoxError(f"{method}: {message['message']}")
                return message["result"]

    async def _shake_hands(self, host: str) -> None:
        upgrade = f"Host: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        self._writer.write(f"GET /session HTTP/1.1\r\n{upgrade}Sec-WebSocket-Key: {_KEY}\r\n\r\n".encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 101"):
            raise FirefoxError(answer.decode(errors="replace"))

    def _frame(self, content: bytes, kind: int = 1) -> None:
        """A frame whose bytes are masked, all by the same one (RFC 6455, 5.3)."""
        size = len(content)
        if size < 126:
            length = bytes([0x80 | size])
        elif size < 1 << 16:
            length = b"\xfe" + size.to_bytes(2, "big")
        else:
            length = b"\xff" + size.to_bytes(8, "big")
        self._writer.write(bytes([0x80 | kind]) + length + bytes([_MASK] * 4) + content.translate(_MASKED))

    async def _message(self) -> bytes:
        whole = b""
        while True:
            first, size = await self._reader.readexactly(2)
            if size >= 126:
                size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
            content = await self._reader.readexactly(size)
            if first & 0x0F == 9:  # a ping
                self._frame(content, 10)
                continue
            whole += content
            if first & 0x80:
                return whole
