"""A unit of `Type=notify` that runs `lifesign run`: ready when the service is, and not alive while that is blocked."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path

from support.supervised import PATIENCE, environment, supervised

BLOCKS = """
import asyncio, sys, time
async def main():
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    time.sleep(600)
asyncio.run(main())
"""


def heard(systemd: socket.socket, enough: Callable[[list[str]], bool]) -> list[str]:
    """What systemd hears until that is enough."""
    words: list[str] = []
    while not enough(words):
        words += systemd.recv(4096).decode().split("\n")
    return words


def test_ready_alive_and_no_longer(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE)
        asked = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        env = environment(**asked, LIFESIGN_HEARTBEAT_INTERVAL="0.1", LIFESIGN_HEARTBEAT_TIMEOUT="1")
        with supervised([sys.executable, "-c", BLOCKS], env=env, stdin=-1) as service:
            booted = heard(systemd, lambda words: "READY=1" in words and words.count("WATCHDOG=1") > 2)
            assert booted.count("READY=1") == 1
            assert service.process.stdin is not None
            service.process.stdin.write(b"\n")
            service.process.stdin.flush()

            blocked = heard(systemd, lambda words: any(one.startswith("STATUS=blocked: ") for one in words))
            assert "READY=1" not in blocked
            after = heard(systemd, lambda words: any(one.startswith("STATUS=") for one in words))  # ten seconds later
            assert "WATCHDOG=1" not in after
