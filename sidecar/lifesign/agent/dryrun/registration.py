"""The dry run of ``DRY_RUN=1``: of the handler that the service registers, one a process."""

from __future__ import annotations

import asyncio
import os
from typing import Callable, Sequence, TypeVar, overload

from lifesign.agent import loops
from lifesign.agent.dryrun.run import DryRun, EventFactory, Handler, effective_settings

HandlerT = TypeVar("HandlerT", bound=Handler)


class _Global:
    """What is registered, and what became of it."""

    def __init__(self) -> None:
        self.handler: Handler | None = None
        self.events: EventFactory | Sequence[EventFactory] | None = None
        self.run: DryRun | None = None
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

    As a decorator, bare or with `events`, or as a plain call. Under a sidecar the run starts at the next beat of
    the event loop: register when the handler can work. The one that is registered last counts. Rate, pattern and
    seed are those of ``DRY_RUN_RATE``, ``DRY_RUN_PATTERN`` and ``DRY_RUN_SEED``.

    Args:
        handler: called with one event at a time, sync or async, as in `DryRun`.
        events: the factories of its events, as in `DryRun`; samples of trades, orders and positions by default.

    Returns:
        The handler as it is, or a decorator where it is called without one.
    """

    def register(handler: HandlerT) -> HandlerT:
        _global.handler, _global.events = handler, events
        if _global.run is not None and not _global.run.running:
            _global.run = None
        if beat not in loops.in_dry_runs:
            loops.in_dry_runs.append(beat)
        return handler

    return register if handler is None else register(handler)


def dry_run() -> DryRun | None:
    """The dry run of ``DRY_RUN=1``, to look at, to pause or to stop.

    Under a sidecar it has started by itself. Without one, ``await lifesign.dry_run().start()`` does.

    Returns:
        The `DryRun` of the registered handler; None where ``DRY_RUN`` is not on or no handler is registered.

    Raises:
        ValueError: the factories that were registered with the handler cannot be used, as for `DryRun`.
    """
    settings = effective_settings()
    if not settings.dry_run or _global.handler is None:
        return None
    if _global.run is None:
        _global.run = DryRun(
            _global.handler,
            events=_global.events,
            pattern=settings.dry_run_pattern,
            rate=settings.dry_run_rate,
            seed=settings.dry_run_seed,
        )
    return _global.run


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
