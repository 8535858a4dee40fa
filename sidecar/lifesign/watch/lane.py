"""A lane of one pulse, record by record: decoded, counted where lost, set aside where unreadable."""

from __future__ import annotations

from typing import Callable, Iterator

from lifesign.watch import decode
from lifesign.watch.cursors import Cursor
from lifesign.watch.dead_letter import Rejected
from lifesign.wire.lane import LaneRead

_COUNT_MAX = 1 << 61  # of records; whoever wrote the lane may claim any number


class Lane:
    """Reads on where it stopped, be it in an earlier life of the sidecar.

    Args:
        read: `PulseReader.boot` or `PulseReader.ring`.
        kinds: the kinds of record that belong into this lane.
        process: the name of the process's folder.
        cursor: where it stopped in the ring, and what it had counted by then; None for the beginning.
    """

    def __init__(
        self,
        read: Callable[[int, int], LaneRead],
        kinds: frozenset[str],
        process: str,
        rejected: Rejected,
        cursor: Cursor | None = None,
    ) -> None:
        self._read = read
        self._kinds = kinds
        self._process = process
        self._rejected = rejected
        cursor = cursor or Cursor()
        self.position = cursor.ring_position
        self.sequence = cursor.ring_sequence
        self.missed = cursor.ring_missed  # records overwritten before we came, or refused by the writer
        self.invalid = cursor.ring_invalid  # records, or what is left of them, that could not be read
        self._refused = cursor.ring_refused

    def keep(self, cursor: Cursor) -> None:
        """Notes in `cursor` where it is in the ring."""
        cursor.ring_position = self.position
        cursor.ring_sequence = self.sequence
        cursor.ring_missed = self.missed
        cursor.ring_invalid = self.invalid
        cursor.ring_refused = self._refused

    def records(self) -> Iterator[tuple[int, decode.Record]]:
        """What is new, each record with its sequence number."""
        lane = self._read(self.position, self.sequence)
        self.position, self.sequence = lane.position, lane.sequence
        # A torn record leaves a gap in the sequence as an overwritten one does; it is counted once.
        missed = max(0, lane.missed - len(lane.torn)) + max(0, lane.refused - self._refused)
        self.missed = min(self.missed + missed, _COUNT_MAX)
        self._refused = max(self._refused, lane.refused)
        for content in lane.torn:
            self._reject("its checksum does not hold", content)
        for sequence, payload in lane.records:
            try:
                record = decode.record(payload)
                if record["kind"] not in self._kinds:
                    raise decode.InvalidRecordError(f"a record of kind {record['kind']!r} is in the wrong lane")
            except decode.InvalidRecordError as error:
                self._reject(str(error), payload)
                continue
            yield sequence, record

    def _reject(self, why: str, payload: bytes) -> None:
        self.invalid += 1
        self._rejected.keep(self._process, why, payload)
