"""Groups of things that went wrong: each is written once and then now and then, with how often it came by then.

What notes them is in the middle of the program's own code, in any thread: it only counts. The watchdog's thread writes.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Callable, Hashable, Union

from lifesign.agent.native import RLock
from lifesign.wire.lane import LaneWriter, encode

if TYPE_CHECKING:
    from lifesign.wire.complaints import AsyncioComplaint, TaskDied, TaskEnded

    Noted = Union[AsyncioComplaint, TaskDied, TaskEnded]

GROUPS_MAX = 100
RECORDS_MAX = 20  # that are written in one minute; the counts wait
BYTES_MAX = 32 * 1024  # of them, before the last: stacks are long
QUIET_SECONDS = 60.0  # between two records of one group; twice as long each time ...
QUIET_MAX_SECONDS = 600.0  # ... up to this


class _Group:
    def __init__(self, record: Noted) -> None:
        self.record = record
        self.written = 0  # the count in the newest record that was written
        self.quiet = QUIET_SECONDS
        self.next = 0.0


class Counted:
    """What was noted, in groups that are distinguished by their keys."""

    def __init__(self) -> None:
        self._groups: OrderedDict[Hashable, _Group] = OrderedDict()
        self._lock = RLock()  # reentrant: a signal handler may log
        self._minute = 0.0
        self._records = 0  # of this minute
        self._bytes = 0  # of these
        self._pending = False

    def note(self, key: Hashable, made: Callable[[], Noted]) -> None:
        """One more.

        Args:
            made: gives its record, with a count of 1; called for the first of a group, and again once one was written.
        """
        # What makes a record calls methods of the program's, such as an exception's `__str__`, which may wait for
        # anything: nobody is to wait for our lock meanwhile.
        with self._lock:
            group = self._groups.get(key)
            shown = group is None or group.record["count"] == group.written
        record = made() if shown else None
        with self._lock:
            group = self._groups.get(key)
            if group is None:
                if record is None:
                    return  # many others have come meanwhile
                self._groups[key] = _Group(record)
                if len(self._groups) > GROUPS_MAX:
                    self._groups.popitem(last=False)
            else:
                count = group.record["count"]
                if record is not None and count == group.written:  # what is shown is the newest
                    group.record = record
                group.record["count"] = count + 1
                self._groups.move_to_end(key)
            self._pending = True

    def write(self, ring: LaneWriter) -> None:
        """Writes what is due; asked at every beat."""
        if not self._pending:
            return
        now = time.monotonic()
        if now - self._minute >= 60.0:
            self._minute, self._records, self._bytes = now, 0, 0
        waiting = False
        due: list[Noted] = []  # written afterwards: a signal handler that notes one may hold what a writer waits for
        with self._lock:
            for group in list(self._groups.values()):
                if group.record["count"] == group.written:
                    continue
                if now < group.next or self._records >= RECORDS_MAX or self._bytes >= BYTES_MAX:
                    waiting = True
                    continue
                due.append(group.record.copy())
                self._records += 1
                self._bytes += len(encode(group.record))
                group.written = group.record["count"]
                group.next = now + group.quiet
                group.quiet = min(2 * group.quiet, QUIET_MAX_SECONDS)
            self._pending = waiting
        for record in due:
            ring.append(record)

    def write_all(self, ring: LaneWriter) -> None:
        """The process ends: writes what was counted since, within the same bounds."""
        with self._lock:
            for group in self._groups.values():
                group.next = 0.0
        self.write(ring)
