"""Reports a dry run to the sidecar: a sample of its events as records, all of them in exact counts."""

from __future__ import annotations

import asyncio
import math
import time
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable, Iterator

from lifesign.agent import lifecycle
from lifesign.agent.dryrun.totals import Totals
from lifesign.agent.exceptions import failure
from lifesign.agent.harmless import harmless
from lifesign.agent.synthetic.app_otel import SyntheticSpan
from lifesign.wire.lane import encode_failure, quoted

if TYPE_CHECKING:
    from lifesign.agent.process import Agent
    from lifesign.wire.records import Failure

EVENTS_A_SECOND = 100  # that are written one by one; each says how many it stands for
FAILURES_A_SECOND = 10  # on top of them, so that a rare failure is not missed
TOTALS_SECONDS = 1.0  # between two records of totals
_RATE_MAX = 1e9  # events a second; what is made in truth is counted from the second second on
_STACK_CHARACTERS = 2000


def written(
    trace: str, span: str, kind: str, index: int, start: int, end: int, error: Failure | None, stands_for: int
) -> bytes:
    """A `wire.records.DryRunEvent`, from a template: a dict that is encoded takes twice as many instructions."""
    record = (
        f'{{"kind":"dry_run","trace":"{trace}","id":"{span}","type":{quoted(kind)},"index":{index},'
        f'"start":{start},"end":{end},"error":{"null" if error is None else encode_failure(error)},'
        f'"adjusted_count":{stands_for}}}'
    )
    try:
        return record.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which no decoder of JSON takes
        return record.encode("utf-8", "replace")


class Reporter:
    """Reports one run that is to make `rate` events a second."""

    def __init__(self, rate: float) -> None:
        self._every = max(1, math.ceil(min(rate, _RATE_MAX) / EVENTS_A_SECOND))  # one of this many events is sampled
        self._made = 0  # in this second
        self._failures = 0  # in this second, that were written though they were not sampled
        self._skipped = 0  # reported so far

    def stands_for(self, index: int) -> int:
        """How many events the record of number `index` stands for; 0 where it is not sampled."""
        return 0 if index % self._every else self._every

    def report(
        self, agent: Agent, span: SyntheticSpan, kind: str, index: int, start: int, raised: BaseException | None
    ) -> None:
        """One event went through the handler, from `start` to now."""
        _totals(agent).count(kind, raised is not None)
        self._made += 1
        # Of a service that counts no events of its own, what its handler takes is the proof of life.
        if raised is None and not agent.pulse.events.total and not agent.settings.events and agent.settings.dry_run:
            agent.pulse.events.count(kind, True)
        if not span.stands_for:
            if raised is None or self._failures >= FAILURES_A_SECOND:
                return
            self._failures += 1
        error: Failure | None = None
        if raised is not None:
            error = failure(raised)
            error["stack"] = error["stack"][-_STACK_CHARACTERS:]
        end = time.time_ns()
        agent.pulse.ring.write(written(span.trace, span.span, kind, index, start, end, error, span.stands_for))

    @contextmanager
    def every_second(
        self, loop: asyncio.AbstractEventLoop, progress: Callable[[], tuple[float, int]]
    ) -> Iterator[None]:
        """Reports the totals once a second of `loop` while the block lasts, and at its end.

        Args:
            progress: gives the lag of the run in seconds, and how many events it skipped so far.
        """
        timer: asyncio.TimerHandle

        def tick() -> None:
            nonlocal timer
            timer = loop.call_later(TOTALS_SECONDS, tick)
            # Every second again: the handler may be slower than the rate, a pattern of the user's faster.
            self._every = max(1, math.ceil(self._made / EVENTS_A_SECOND))
            self._made = self._failures = 0
            self._report_totals(*progress())

        timer = loop.call_later(TOTALS_SECONDS, tick)
        try:
            yield
        finally:
            timer.cancel()
            self._report_totals(None, progress()[1])

    def _report_totals(self, lag: float | None, skipped: int) -> None:
        with harmless:
            agent = lifecycle.running()
            if agent is None:
                return
            totals = _totals(agent)
            totals.progress(id(self), lag, skipped - self._skipped)
            self._skipped = skipped
            agent.pulse.ring.append(totals.record())


_by_agent: weakref.WeakKeyDictionary[Agent, Totals] = weakref.WeakKeyDictionary()  # a forked child begins at zero


def _totals(agent: Agent) -> Totals:
    return _by_agent.setdefault(agent, Totals())
