"""Whether something becomes too much: what grows, and the files that may be open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence

from lifesign.agent.harmless import harmless
from lifesign.agent.system.descriptors import nearly_all
from lifesign.agent.tasks.growth.backlogs import Backlogs
from lifesign.agent.tasks.growth.threads import ThreadGrowth

if TYPE_CHECKING:
    from lifesign.agent.tasks.groups import WaitGroup
    from lifesign.agent.tasks.pace import Pace
    from lifesign.wire.threads import Backlog


class Growth:
    """What grows in one process."""

    def __init__(self) -> None:
        self._backlogs = Backlogs()
        self._threads = ThreadGrowth()
        self._files_used_up = self._grows = False

    def growing(self, groups: Sequence[WaitGroup], loops: Sequence[Any], pace: Pace) -> list[Backlog]:
        """What has only grown, after all of it was counted once more."""
        with harmless:
            self._backlogs.look(groups, loops, pace.look)
            pace.rest()
            self._threads.count()
        return [*self._backlogs.growing(), *self._threads.growing()]

    def reason(self, groups: Sequence[WaitGroup], loops: Sequence[Any], pace: Pace) -> str:
        """The reason for a dump, each time that something begins to be too much."""
        had, self._files_used_up = self._files_used_up, nearly_all() is not None
        grew, self._grows = self._grows, bool(self.growing(groups, loops, pace))
        if self._files_used_up and not had:
            return "open files"
        return "backlog" if self._grows and not grew else ""
