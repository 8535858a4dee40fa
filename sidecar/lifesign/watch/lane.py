"""A lane of one pulse, record by record: decoded, counted where lost, set aside where unreadable."""

from __future__ import annotations

from typing import Callable, Iterator

from lifesign.watch import decode
from lifesign.watch.rejected import Rejected
from lifesign.wire.lane import LaneRead

_COUNT_MAX = 1 << 61  # of records; whoever wrote the lane may claim any number


class Lane:
    """Reads on where it stopped.

    Args:
        read: `PulseReader.boot` or `PulseReader.ring`.
        kinds: the kinds of record that belong into this lane.
        process: the name of the process's folder.
    """

    def __init__(
        self,
        read: Callable[[int, int], LaneRead],
        kinds: frozenset[str],
        process: str,
        rejected: Rejected,
        position: int = 0,
        sequence: int = 0,
    ) -> None:
        self._read = read
        self._kinds = kinds
        self._process = process
        self._rejected = rejected
        self.position = position
        self.sequence = sequence
        self.missed = 0  # records that were overwritten before we came, or that the writer refused
        self.invalid = 0  # records, or what is left of them, that could not be read
        self._refused = 0

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
