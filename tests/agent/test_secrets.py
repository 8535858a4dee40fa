"""What looks like a secret is in no record of the agent: not in a message, a reason, a stack or a dump."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Callable

import pytest

import lifesign
from support.waiting import eventually


def fails() -> None:
    url = "postgres://shop:hunter2@db/x"
    raise ConnectionError(f"cannot reach {url}, password='hunter2'")


async def test_no_record_has_one(started: Callable[..., Any], tmp_path: Path) -> None:
    @lifesign.postcondition("reason")
    def reason() -> tuple[bool, str]:
        return False, "no answer of redis://:hunter2@cache"

    async def failing() -> None:
        fails()

    lifesign.postcondition("raises")(fails)
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    with pytest.raises(ConnectionError), lifesign.checkpoint("connected"):
        fails()
    task = asyncio.create_task(failing())
    await asyncio.wait({task})
    report = await lifesign.check_postconditions()
    async with lifesign.DryRun(lambda event: fails(), rate=500, limit=1, force=True) as run:
        await run.wait()
    lifesign.dump_tasks()
    await asyncio.to_thread(eventually, lambda: pulse.ring("task_dump"))
    assert task.exception() is not None
    (written,) = tmp_path.glob("*/pulse")
    assert b"hunter2" not in written.read_bytes()
    assert b"cannot reach postgres://***@db/x" in written.read_bytes()
    assert "hunter2" not in str(report)
