"""All that is noted of one process, from when its agent starts to when it ends."""

from __future__ import annotations

import asyncio
import logging
from typing import Callable

from lifesign.agent.complaints import futures, threads, unawaited
from lifesign.agent.complaints.asyncio_log import Filter
from lifesign.agent.complaints.counted import Counted
from lifesign.agent.complaints.deaths import Deaths
from lifesign.agent.complaints.leavers import Leavers
from lifesign.agent.tasks.population import Population
from lifesign.wire.lane import LaneWriter


class Complaints:
    """Notes them from now on.

    Args:
        loops: gives the loops that run now.
    """

    def __init__(self, loops: Callable[[], list[asyncio.AbstractEventLoop]]) -> None:
        self._counted = Counted()
        population = Population(loops)
        self._deaths = Deaths(population, self._counted)
        self._leavers = Leavers(population, self._counted)
        self._filter = Filter(self._counted)
        self.resume()

    def beat(self, ring: LaneWriter) -> None:
        """Called about once a second: looks for tasks that died, and writes what is new."""
        self._deaths.look()
        self._leavers.look()
        futures.let_go()
        self.write(ring)

    def write(self, ring: LaneWriter) -> None:
        """Called at each beat of the watchdog: a process that is killed soon has said what it complained of."""
        self._counted.write(ring)

    def end(self, ring: LaneWriter) -> None:
        """The agent ends: writes what is left, and notes nothing any more."""
        self.close()
        self._counted.write_all(ring)

    def resume(self) -> None:
        """After `end`, where the agent is started again."""
        self._filter.closed = False
        logging.getLogger("asyncio").addFilter(self._filter)
        unawaited.observe(self._counted)
        threads.observe(self._counted)
        futures.observe(self._counted)

    def close(self) -> None:
        """Notes nothing any more; also in a forked child, in which another thread may have held the lock."""
        self._filter.closed = True
        logging.getLogger("asyncio").removeFilter(self._filter)
        unawaited.rest()
        threads.rest()
        futures.rest()
