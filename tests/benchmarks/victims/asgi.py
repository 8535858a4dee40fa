"""A small web service for uvicorn: asgi:app. With AIOMONITOR=PORT,PORT,PORT its loop has an aiomonitor."""

from __future__ import annotations

import asyncio
import os
from typing import Any

BODY = b'{"order": 7, "state": "paid"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    else:
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": BODY})


async def lifespan(receive: Any, send: Any) -> None:
    await receive()
    ports = os.environ.get("AIOMONITOR")
    if ports:
        import aiomonitor

        port, webui, console = map(int, ports.split(","))
        loop = asyncio.get_running_loop()
        with aiomonitor.start_monitor(loop, port=port, webui_port=webui, console_port=console, console_enabled=False):
            await send({"type": "lifespan.startup.complete"})
            await receive()
    else:
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})
