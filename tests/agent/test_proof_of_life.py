"""What a boot waits for in the end, and what it says where that does not come."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Callable

import lifesign


async def boot_ended(pulse: Any) -> dict[str, Any]:
    for _ in range(1000):
        for record in pulse.boot():
            if record["kind"] == "boot_ended":
                return record
        await asyncio.sleep(0.003)
    raise AssertionError("the boot never ended")


async def test_a_ready_made_check_is_a_proof_of_life(started: Callable[..., Any], tmp_path: Path) -> None:
    up = tmp_path / "up"
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", LIFESIGN_UNTIL=f"file:{up}", BOOT_TIMEOUT_S="36000")
    lifesign.start()
    while "waiting for first event" not in pulse.checkpoints():
        await asyncio.sleep(0.003)
    up.touch()
    assert (await boot_ended(pulse))["outcome"] == "complete"
    (counted,) = pulse.reader.vitals().events
    assert (f"file:{up}".startswith(counted.name), counted.real) == (True, 1)


async def test_a_proof_of_life_that_does_not_come_is_named_with_the_reason(
    started: Callable[..., Any], tmp_path: Path, clock: Any
) -> None:
    never = tmp_path / "never"
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", LIFESIGN_UNTIL=f"file:{never}", BOOT_TIMEOUT_S="36000")
    lifesign.start()
    while "waiting for first event" not in pulse.checkpoints():
        await asyncio.sleep(0.003)
    await asyncio.sleep(0.02)  # the check was made meanwhile
    clock.set_ahead(36000)
    outcome = await boot_ended(pulse)
    assert outcome["outcome"] == "timed_out"
    assert f"waiting for file:{never}: " in outcome["diagnostic"]


async def test_a_boot_that_is_late_in_its_post_conditions_says_so(started: Callable[..., Any], clock: Any) -> None:
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003", BOOT_TIMEOUT_S="20")
    forever = asyncio.Event()

    @lifesign.postcondition("slow", timeout=50.0)
    async def slow() -> None:
        clock.set_ahead(20)
        await forever.wait()

    lifesign.start()
    outcome = await boot_ended(pulse)
    forever.set()
    assert outcome["diagnostic"].endswith("waiting for the post-conditions")
