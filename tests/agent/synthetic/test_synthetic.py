"""Synthetic work is tagged wherever it goes, and nothing beside it is."""

from __future__ import annotations

import asyncio
import contextvars
import re
from typing import Any, Callable

import pytest

import lifesign
from lifesign.agent.dryrun import reporter
from lifesign.agent.synthetic import context as synthetic


async def test_it_reaches_tasks_and_threads_and_nothing_beside() -> None:
    seen: dict[str, bool] = {}

    async def inner(name: str) -> None:
        seen[name] = lifesign.is_synthetic()

    with lifesign.synthetic():
        task = asyncio.create_task(inner("task"))
        seen["thread"] = await asyncio.to_thread(lifesign.is_synthetic)
        await inner("await")
    beside = asyncio.create_task(inner("beside"))
    await asyncio.gather(task, beside)
    assert seen == {"task": True, "thread": True, "await": True, "beside": False}


async def test_headers_name_the_event_that_the_work_is_for(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRY_RUN", "1")
    monkeypatch.setattr(reporter, "TOTALS_SECONDS", 3600.0)  # two events in one second, however slow this machine is
    pulse = started()
    seen: list[dict[str, str]] = []

    async def handler(event: Any) -> None:
        with lifesign.synthetic():  # nested: it is still the work of this event
            seen.append(await asyncio.create_task(headers()))

    async def headers() -> dict[str, str]:
        return lifesign.synthetic_headers()

    assert lifesign.synthetic_headers() == {}
    async with lifesign.DryRun(handler, rate=200, limit=2) as run:  # one in two is exported
        await run.wait()
    (reported,) = pulse.ring("dry_run")
    assert seen[0] == {
        "baggage": "user_agent.synthetic.type=test",
        "traceparent": f"00-{reported['trace']}-{reported['id']}-01",
    }
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", seen[1]["traceparent"])  # not exported: not sampled
    assert lifesign.synthetic_headers() == {}


def test_headers_of_synthetic_work_that_is_no_event() -> None:
    with lifesign.synthetic():
        assert lifesign.synthetic_headers() == {"baggage": "user_agent.synthetic.type=test"}


def test_a_block_that_is_left_elsewhere_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    entered = contextvars.copy_context().run(synthetic.enter)
    synthetic.leave(entered)
    assert "another context" in caplog.text
    assert not lifesign.is_synthetic()


async def test_checkpoints_and_postconditions_inside_are_tagged_and_others_are_not(started: Callable[..., Any]) -> None:
    pulse = started()
    await lifesign.check_postconditions(lambda: True)
    lifesign.checkpoint("real")
    with lifesign.synthetic():
        await lifesign.check_postconditions(lambda: True)
        lifesign.checkpoint("made up")
    assert [report["synthetic"] for report in pulse.ring("postconditions")] == [False, True]
    marks = {record["name"]: record["synthetic"] for record in pulse.boot() if record["kind"] == "checkpoint"}
    assert (marks["real"], marks["made up"]) == (False, True)
