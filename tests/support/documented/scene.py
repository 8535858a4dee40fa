"""Where somebody would type the commands of a page: a folder with a shop in it, and the repository's lifesign."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from support.commands import processes
from support.supervised import environment, started

PATIENCE = 60.0
_BIN = Path(sys.executable).parent
_SHOP = """
import asyncio, signal
import lifesign

async def app(scope, receive, send):
    while scope["type"] == "lifespan":
        what = (await receive())["type"]
        await send({"type": f"{what}.complete"})
        if what == "lifespan.shutdown":
            return
    lifesign.event("order")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})

async def main():
    @lifesign.postcondition("broker connected")
    async def broker_connected(): ...

    await asyncio.sleep(0.03)
    lifesign.checkpoint("config loaded")
    await asyncio.sleep(0.5)  # the boot is in its fourth stage by then
    lifesign.checkpoint("broker connected")
    await asyncio.sleep(0.5)
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    while not ending.is_set():
        lifesign.event("order")
        await asyncio.sleep(0.05)

if __name__ == "__main__":
    asyncio.run(main())
"""
_VARIES = re.compile(r"(?<![\w.:/])\d+(?:\.\d+)? ?(?:ms|s|%|x)(?!\w)|(?<=[a-z] )\d+(?=[ :])")
_RULE = re.compile(r"^[\s─━]*$")


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def plain(lines: Sequence[str]) -> list[str]:
    """Without times, counts and PIDs, and what only aligns; on a busy machine anybody may be starved."""
    joined = (" ".join(line.split()).replace(", starved", "") for line in lines if not _RULE.match(line))
    return [_VARIES.sub("#", line) for line in joined]


def missing(expected: Sequence[str], answer: Sequence[str]) -> list[str]:
    """What of the page is not in an answer, whatever else that has."""
    there = plain(answer)
    return [line for line in plain(expected) if line not in there]


class Scene:
    """A folder with a shop in it, a run directory of its own, and the repository's lifesign on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = folder / "run"
        self.run.mkdir()
        (folder / "shop.py").write_text(_SHOP)
        path = f"{_BIN}:{os.environ['PATH']}"
        self.environ = environment(LIFESIGN_DIR=str(self.run), PATH=path, PYTHONPATH=str(folder))

    def ends(self, commands: str) -> subprocess.CompletedProcess[str]:
        """What a shell says to it."""
        return subprocess.run(
            ["bash", "-ec", commands],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @contextlib.contextmanager
    def goes_on(self, commands: str) -> Iterator[subprocess.Popen[bytes]]:
        """What is typed into a shell until it is ended like by Ctrl-C, all of it."""
        output = (self.folder / "output").open("wb")
        shell = ["bash", "-ec", commands]
        with (
            output,
            started(
                shell,
                self.environ,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            ) as process,
        ):
            yield process
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE)

    def seen(self) -> list[dict[str, Any]]:
        """The processes that are watched."""
        status = self.ends(f"lifesign status --json --dir {self.run}")
        return processes(status.stdout) if status.returncode == 0 else []

    def said(self) -> str:
        return (self.folder / "output").read_text()
