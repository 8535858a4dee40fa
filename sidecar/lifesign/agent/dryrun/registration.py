"""The dry run of ``DRY_RUN=1``: one per process, with the handler that the service registers."""

from __future__ import annotations

import asyncio
import os
from typing import Callable, Sequence, TypeVar, overload

from lifesign.agent import lifecycle, loops
from lifesign.agent.dryrun.run import DryRun, EventFactory, Handler, effective_settings
from lifesign.agent.dryrun.samples import sample_events
from lifesign.agent.dryrun.worker import worker
from lifesign.agent.harmless import complain

HandlerT = TypeVar("HandlerT", bound=Handler)


class _Global:
    """What is registered, and what became of it."""

    def __init__(self) -> None:
        self.handler: Handler | None = None
        self.events: EventFactory | Sequence[EventFactory] | None = None
        self.run: DryRun | None = None
        self.refused = False  # it cannot be made of these
        self.begun: tuple[int, asyncio.AbstractEventLoop] | None = None  # in which process and loop


_global = _Global()


@overload
def dry_run_handler(handler: HandlerT) -> HandlerT: ...
@overload
def dry_run_handler(
    *, events: EventFactory | Sequence[EventFactory] | None = None
) -> Callable[[HandlerT], HandlerT]: ...


def dry_run_handler(
    handler: HandlerT | None = None, *, events: EventFactory | Sequence[EventFactory] | None = None
) -> HandlerT | Callable[[HandlerT], HandlerT]:
    """Registers the handler that a dry run of ``DRY_RUN=1`` feeds; does nothing else where that is not set.

    Use it as a decorator, with or without `events`, or as a plain call. Under a sidecar the run starts at the next beat
    of the event loop: register when the handler is ready to work. The last registration counts. Rate and pattern are
    those of ``DRY_RUN_RATE`` and ``DRY_RUN_PATTERN``. The seed is ``DRY_RUN_SEED`` in the first process of a run
    directory, one more in the second, and so on: no two workers make the same events.

    Args:
        handler: called with one event at a time, sync or async, as in `DryRun`.
        events: the factories of its events, as in `DryRun`; samples of trades, orders and positions by default.

    Returns:
        The handler unchanged, or a decorator if it is called without one.
    """

    def register(handler: HandlerT) -> HandlerT:
        _global.handler, _global.events, _global.refused = handler, _kept(events), False
        if _global.run is not None and not _global.run.running:
            _global.run = None
        if beat not in loops.in_dry_runs:
            loops.in_dry_runs.append(beat)
        return handler

    return register if handler is None else register(handler)


def dry_run() -> DryRun | None:
    """The dry run of ``DRY_RUN=1``, to inspect, pause or stop.

    Under a sidecar it starts by itself. Without one, ``await lifesign.dry_run().start()`` starts it.

    Returns:
        The `DryRun` of the registered handler; None where ``DRY_RUN`` is not on, no handler is registered, or what
        was registered cannot be used, as the log then says.
    """
    settings = effective_settings()
    if not settings.dry_run or _global.handler is None or _global.refused:
        return None
    if _global.run is None:
        agent = lifecycle.peek()
        number = 0 if agent is None else worker.number(os.path.dirname(agent.folder))
        events = _global.events
        try:
            _global.run = DryRun(
                _global.handler,
                events=sample_events(settings.dry_run_account, number) if events is None else events,
                pattern=settings.dry_run_pattern,
                rate=settings.dry_run_rate,
                seed=settings.dry_run_seed + number,
            )
        except ValueError as error:
            _global.refused = True
            complain("there is no dry run", error)
    return _global.run


def _kept(events: EventFactory | Sequence[EventFactory] | None) -> EventFactory | Sequence[EventFactory] | None:
    """The factories for more than one run: an iterator has them only once."""
    if events is None or callable(events):
        return events
    try:
        return tuple(events)
    except Exception:  # noqa: BLE001 - whatever its __iter__ raises; without a factory there is no run
        return ()


def beat(loop: asyncio.AbstractEventLoop) -> None:
    """Called at each beat of a loop in a process that is a dry run: starts it, once it can be."""
    begun = _global.begun
    if begun is not None and begun[0] == os.getpid() and not begun[1].is_closed():
        return  # it goes on, or was stopped by hand
    if begun is not None:
        _global.run = _global.begun = None  # its loop has ended, or this is a forked child: anew
    run = dry_run()
    if run is not None:
        _global.begun = (os.getpid(), loop)
        run.begin(loop)
