"""Dry run: generated events for the service's own handler, each tagged synthetic."""

from __future__ import annotations

import asyncio
import inspect
import math
import random
import time
from types import TracebackType
from typing import Any, Awaitable, Callable, Mapping, Sequence, Union

from lifesign.agent import lifecycle
from lifesign.agent.dryrun.patterns import Pattern
from lifesign.agent.dryrun.patterns import pattern as pattern_named
from lifesign.agent.dryrun.reporter import Reporter
from lifesign.agent.dryrun.samples import sample_events
from lifesign.agent.dryrun.schedule import Schedule
from lifesign.agent.harmless import complain, harmless, logger, shown
from lifesign.agent.identity import new_span_id, new_trace_id
from lifesign.agent.synthetic.app_otel import SyntheticSpan
from lifesign.agent.synthetic.context import enter, leave
from lifesign.settings import Settings

Handler = Callable[[Any], Union[Awaitable[Any], Any]]
EventFactory = Callable[[random.Random, int], Any]

_SLEEP_MAX = 3600.0  # uvloop cannot count so far as the slowest rates want
_BREATH_SECONDS = 0.001  # of work without a pause, then the loop has a turn
_TYPE_CHARACTERS = 100


class DryRun:
    """Feeds `handler` with generated events until it is stopped; use it with ``async with``.

    It runs only if ``DRY_RUN=1`` allows it in this process; otherwise it does not start, and logs that, unless `force`
    is given.

    Args:
        handler: the service's own, sync or async; called with one event at a time, inside `synthetic`. What it
            raises is that event's error.
        events: makes event number *index* from a seeded generator, ``factory(rng, index)``. The span is named
            after the event's ``"type"``, or after its class if it has none or is no mapping. One factory or
            several; samples of trades, orders and positions by default.
        pattern: ``"sequential"`` (the factories in turn), ``"random"``, ``"burst"`` (several at once), or a
            callable of your own, see `lifesign.agent.dryrun.patterns`.
        rate: events per second, bursts included. The schedule does not drift. A slower handler sets the pace: the run
            catches up on one second at most and skips the rest, counted.
        burst: the smallest and the largest number of events in a burst.
        seed: the same seed makes the same events, on every version of Python.
        limit: how many events to make; None for no end.
        duration: seconds after which no more events are made; None for no end.
        force: run whether or not dry run is on.

    Attributes:
        count: events that went through the handler, failed ones too.
        failed: events whose handler raised.
        running: whether the run is active, also while paused.
        skipped: events that were not made, because the handler took too long.
        lag: seconds by which the next event is late, 0.0 while it is not.

    Raises:
        ValueError: an argument cannot be used, such as an unknown pattern, no factory, or a rate that is not above 0.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        events: EventFactory | Sequence[EventFactory] | None = None,
        pattern: str | Pattern = "sequential",
        rate: float = 1.0,
        burst: tuple[int, int] = (3, 10),
        seed: int = 42,
        limit: int | None = None,
        duration: float | None = None,
        force: bool = False,
    ) -> None:
        if not callable(handler):
            raise ValueError(f"handler is called with each event; a {type(handler).__name__} cannot be")
        if events is None:
            events = sample_events(effective_settings().dry_run_account)
        rate = _number("rate, in events a second,", rate)
        self._handler = handler
        self._factories = _factories(events)
        self._pattern = pattern if callable(pattern) else pattern_named(pattern, burst)
        self._rate = rate
        self._random = random.Random(_seed(seed))  # noqa: S311 - reproducible is the point
        self._limit = None if limit is None else _number("limit, a number of events,", limit, zero=True)
        self._duration = None if duration is None else _number("duration, in seconds,", duration, zero=True)
        self._force = force
        self._task: asyncio.Task[None] | None = None
        self._reporter = Reporter(rate)
        self._schedule = Schedule(rate, 0.0)
        self._ending = False
        self.count = 0
        self.failed = 0

    @property
    def running(self) -> bool:
        """Whether the run is active, also while paused."""
        return self._task is not None and not self._task.done()

    @property
    def skipped(self) -> int:
        """Events that were not made, because the handler took too long."""
        return self._schedule.skipped

    @property
    def lag(self) -> float:
        """Seconds by which the next event is late, 0.0 while it is not."""
        return self._schedule.lag(time.monotonic()) if self.running and self._resumed.is_set() else 0.0

    async def start(self) -> bool:
        """Starts the run in the running loop, if it does not run already.

        Returns:
            Whether it runs: False where dry run is off and `force` was not given.

        Raises:
            RuntimeError: no event loop runs.
        """
        return self.begin(asyncio.get_running_loop())

    def begin(self, loop: asyncio.AbstractEventLoop) -> bool:
        """`start` for a callback, where nothing can be awaited.

        Args:
            loop: the event loop that calls it.

        Returns:
            Whether it runs, as of `start`.
        """
        if self.running:
            return True
        if not self._force and not effective_settings().dry_run:
            logger.warning("lifesign: a dry run was refused: DRY_RUN=1 allows it, or DryRun(..., force=True)")
            return False
        self._ending = False
        self._resumed = asyncio.Event()
        self._resumed.set()
        self._task = loop.create_task(self._run(loop), name="lifesign-dry-run")
        return True

    def pause(self) -> None:
        """Makes no more events until `resume`; the current one goes on. Events of the pause are not made up for."""
        if self.running:
            self._resumed.clear()

    def resume(self) -> None:
        """Continues after `pause`."""
        if self.running:
            self._resumed.set()

    async def wait(self) -> None:
        """Waits until `limit` or `duration` is reached, or the run is stopped."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def stop(self) -> None:
        """Stops the run and waits for the current event to be cancelled."""
        task = self._task
        if task is None or task.done():
            return
        self._ending = True
        if task is not asyncio.current_task():  # a handler may stop the run that calls it: then it ends after it
            task.cancel()
            await asyncio.wait({task})

    async def __aenter__(self) -> DryRun:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        await self.stop()

    async def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        started = time.monotonic()
        until = float("inf") if self._duration is None else started + self._duration
        self._schedule.restart(started)
        self._breathed = started
        try:
            with self._reporter.every_second(loop, lambda: (self.lag, self.skipped)):
                while not self._ending and self._left() > 0 and time.monotonic() < until:
                    if not self._resumed.is_set():
                        await self._resumed.wait()
                        self._schedule.restart(time.monotonic())
                        continue
                    now = time.monotonic()
                    ahead = self._schedule.ahead(now)
                    if ahead > 0:
                        await asyncio.sleep(min(ahead, until - now, _SLEEP_MAX))
                        self._breathed = time.monotonic()
                    else:
                        await self._make_some()
        except Exception as error:  # noqa: BLE001 - a pattern of the user's; what a handler raises does not get here
            complain("a dry run ended by its pattern", error)

    def _left(self) -> float:
        return float("inf") if self._limit is None else self._limit - self.count

    async def _make_some(self) -> None:
        positions = self._pattern(self._random, self.count, len(self._factories))
        self._schedule.take(max(1, len(positions)))
        for position in positions:
            if self._ending or self._left() <= 0:
                return
            await self._make(position)
            if time.monotonic() - self._breathed > _BREATH_SECONDS:
                await asyncio.sleep(0)
                self._breathed = time.monotonic()

    async def _make(self, position: int) -> None:
        agent = lifecycle.running()
        stands_for = self._reporter.stands_for(self.count)
        span = None if agent is None else SyntheticSpan(new_trace_id(), new_span_id(), stands_for)
        kind = "event"
        raised: BaseException | None = None
        start = time.time_ns()
        entered = enter(span)
        try:
            event = self._factories[position](self._random, self.count)
            kind = _type_of(event)
            outcome = self._handler(event)
            if outcome is not None and inspect.isawaitable(outcome):
                await outcome
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            raised = error  # of something that the handler waited for
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 - it is this event's error, and the run goes on
            raised = error
        finally:
            leave(entered)
        index = self.count
        self.count += 1
        self.failed += raised is not None
        if raised is not None and span is None and self.failed == 1:
            logger.warning("lifesign: the handler of a dry run failed, and no sidecar is there", exc_info=raised)
        if agent is not None and span is not None:
            with harmless:
                self._reporter.report(agent, span, kind, index, start, raised)


def _type_of(event: Any) -> str:
    kind = event.get("type") if isinstance(event, Mapping) else None
    return str(kind or type(event).__name__)[:_TYPE_CHARACTERS]


def _number(what: str, value: Any, *, zero: bool = False) -> float:
    try:
        number = float(value)
    except Exception:  # noqa: BLE001 - whatever its __float__ raises
        number = math.nan
    if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
        raise ValueError(f"{what} is a number {'from 0 up' if zero else 'above 0'}, not {shown(value)}")
    return number


def _factories(events: EventFactory | Sequence[EventFactory]) -> tuple[EventFactory, ...]:
    try:
        factories = (events,) if callable(events) else tuple(events)
    except Exception:  # noqa: BLE001 - whatever its __iter__ raises
        factories = ()
    if not factories or not all(map(callable, factories)):
        raise ValueError("events has no factory in it, or something else: factory(rng, index) makes one")
    return factories


def _seed(seed: object) -> int:
    if not isinstance(seed, int):
        raise ValueError(f"seed is a whole number, not {seed!r}")
    return seed


def effective_settings() -> Settings:
    """Those of the agent, or of the environment where no agent runs."""
    agent = lifecycle.peek()
    return Settings(strict=False) if agent is None else agent.settings


def _is_cancelled() -> bool:
    """Whether it is this task that was cancelled; before 3.11 that cannot be seen from outside, so yes."""
    cancelling = getattr(asyncio.current_task(), "cancelling", None)
    return cancelling is None or bool(cancelling())
