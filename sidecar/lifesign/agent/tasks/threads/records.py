"""The threads and executors of one dump, as they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterable

from lifesign.agent.harmless import complain
from lifesign.agent.tasks.odd import read
from lifesign.agent.tasks.threads import executors
from lifesign.agent.tasks.threads.look import GROUPS_MAX, ThreadLook
from lifesign.wire.lane import LaneWriter

if TYPE_CHECKING:
    from lifesign.wire.threads import ExecutorState, ThreadGroup, ThreadWait


def stuck_threads(loops: dict[int, Any]) -> set[int]:
    """The numbers of threads that are in a deadlock among themselves."""
    try:
        return {thread for ring in ThreadLook(loops, ()).rings() for thread in ring}
    except BaseException as error:  # noqa: BLE001 - whatever it is, the tasks are looked at
        complain("the threads could not be searched for a deadlock", error)
        return set()


class Threads:
    """What is written of the threads of this process; it keeps no frame.

    Args:
        loops: the event loop that runs in a thread, by the thread's number.
        tasks: gives those of all loops.
    """

    def __init__(self, loops: dict[int, Any], tasks: Callable[[], Iterable[Any]]) -> None:
        self.count = self.looked = 0
        self.rings: list[list[ThreadWait]] = []
        self._groups: list[ThreadGroup] = []
        self._executors: list[ExecutorState] = []
        try:
            self._look(loops, tasks)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the tasks are shown
            complain("the threads could not be read for a dump", error)

    def _look(self, loops: dict[int, Any], tasks: Callable[[], Iterable[Any]]) -> None:
        look = ThreadLook(loops, tasks())
        groups = look.groups()
        self.count, self.looked = look.count, len(look.frames)
        self.rings = [look.steps(ring) for ring in look.rings()]
        self._groups = [look.record("", index, group) for index, group in enumerate(groups[:GROUPS_MAX])]
        defaults = [read(loop, "_default_executor") for loop in loops.values()]
        self._executors = [
            executors.record("", index, one, defaults, groups[:GROUPS_MAX])
            for index, one in enumerate(executors.executors(look))
        ]

    def write(self, ring: LaneWriter, dump: str, *, most: int) -> None:
        """Writes one record for each executor and for so many groups."""
        for group in self._groups[:most]:
            ring.append({**group, "dump": dump})
        for executor in self._executors:
            ring.append({**executor, "dump": dump})
