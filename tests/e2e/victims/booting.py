"""A service whose boot goes as the arguments say: ``booting.py END [STAGE]``.

END is what becomes of it when it reaches STAGE, one of its checkpoints: ``kill`` (SIGKILL to itself), ``exit``
(``sys.exit(3)``), ``raise``, ``hang`` (the loop blocks), ``wait`` (until a line comes in), or ``well``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

import lifesign
from lifesign.agent import lifecycle
from lifesign.agent.boot import Stage

END, STAGE = (*sys.argv[1:], "")[:2]


def stage(name: str) -> None:
    if name != STAGE:
        return
    print(f"reached {name}", flush=True)
    if END == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif END == "exit":
        sys.exit(3)
    elif END == "raise":
        raise ValueError("no such rule")
    elif END == "hang":
        time.sleep(600)
    elif END == "wait":
        sys.stdin.readline()


@lifesign.postcondition("database connected", timeout=0.5)
async def database_connected() -> tuple[bool, str]:
    stage("first event received")
    if END == "unwell":
        return False, "refused by 10.0.0.7"
    return True, ""


@lifesign.postcondition("rules loaded", timeout=0.2)
async def rules_loaded() -> None:
    if END == "unwell":
        await asyncio.sleep(600)


async def waiting() -> None:
    """Until the built-in checkpoint is written."""
    agent = lifecycle.running()
    while agent is not None and agent.boot._stage < Stage.WAITING:
        await asyncio.sleep(0.01)


async def main() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, sys.exit)
    stage("booting")
    lifesign.checkpoint("config loaded")
    stage("config loaded")
    await waiting()
    stage("waiting for first event")
    async with lifesign.checkpoint("broker connected"):
        stage("broker connected")
    if END == "silent":
        await asyncio.sleep(600)
    lifesign.event("order")
    agent = lifecycle.running()
    while agent is not None and not agent.boot.phase:
        await asyncio.sleep(0.01)
    stage("complete")
    await asyncio.sleep(600)


lifesign.start()
print(f"ready {os.getpid()}", flush=True)
stage("timeout configured")
asyncio.run(main())
