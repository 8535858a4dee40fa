"""Dry run: generated events through the service's own handler, each one tagged synthetic."""

from __future__ import annotations

import asyncio
import inspect
import random
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Mapping, Union

from lifesign.agent import process
from lifesign.agent.harmless import failure, harmless
from lifesign.agent.identity import new_span_id, new_trace_id
from lifesign.agent.samples import sample_event
from lifesign.agent.synthetic import synthetic

if TYPE_CHECKING:
    from lifesign.wire.records import DryRunEvent, Failure

Event = Mapping[str, Any]
Handler = Callable[[Any], Union[Awaitable[Any], Any]]
EventFactory = Callable[[random.Random, int], Event]

PATTERNS = ("sequential",)


class DryRun:
    """Feeds `handler` with generated events until it is stopped; use it with ``async with``.

    Args:
        handler: the service's own, sync or async; called with one event at a time, inside `synthetic`.
        events: makes event number *index* from a seeded generator; its ``"type"`` names the span.
        pattern: ``"sequential"``, one event after the other.
        rate: events a second. The schedule does not drift; a handler that is slower sets the pace.
        seed: the same seed makes the same events, on every version of Python.
        limit: how many events to make; None for no end.

    Raises:
        ValueError: an unknown pattern, or a rate that is not above 0.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        events: EventFactory = sample_event,
        pattern: str = "sequential",
        rate: float = 1.0,
        seed: int = 42,
        limit: int | None = None,
    ) -> None:
        if pattern not in PATTERNS:
            raise ValueError(f"pattern {pattern!r} is not one of: {', '.join(PATTERNS)}")
        if not rate > 0:
            raise ValueError(f"rate is events a second, above 0, not {rate!r}")
        self._handler = handler
        self._events = events
        self._rate = rate
        self._random = random.Random(seed)  # noqa: S311 - reproducible is the point
        self._limit = limit
        self._task: asyncio.Task[None] | None = None
        self.count = 0  # events that went through the handler, failed ones too

    async def start(self) -> None:
        """Starts the run in the running loop; does nothing when it runs already."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="lifesign-dry-run")

    async def wait(self) -> None:
        """Waits until `limit` events went through, or the run is stopped."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def stop(self) -> None:
        """Stops the run and waits for the event under way to be cancelled."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def __aenter__(self) -> DryRun:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        await self.stop()

    async def _run(self) -> None:
        due = time.monotonic()
        while self._limit is None or self.count < self._limit:
            await self._one(self._events(self._random, self.count))
            due = max(due + 1 / self._rate, time.monotonic() - 1)  # catches up on a second at most
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _one(self, event: Event) -> None:
        error: Failure | None = None
        start = time.time_ns()
        try:
            with synthetic():
                outcome = self._handler(event)
                if inspect.isawaitable(outcome):
                    await outcome
        except Exception as raised:  # noqa: BLE001 - it is this event's error, and the run goes on
            error = failure(raised)
        self.count += 1
        with harmless:
            agent = process.running()
            if agent is not None:
                record: DryRunEvent = {
                    "kind": "dry_run",
                    "trace": new_trace_id(),
                    "id": new_span_id(),
                    "type": str(event.get("type", "event"))[:100],
                    "index": self.count - 1,
                    "start": start,
                    "end": time.time_ns(),
                    "error": error,
                }
                agent.pulse.ring.append(record)
