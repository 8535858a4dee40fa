"""What the agent of this process has written so far, read back from its pulse.

It is our own agent's: nothing in it has to be distrusted, so it is decoded without the sidecar's libraries.
"""

from __future__ import annotations

import json
import os
from typing import Any

from lifesign.wire.reader import PulseReader, Vitals

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class WrittenRecords:
    """The records of one process folder, in the order in which they came.

    Never by way of `wire.folder.Folder`: to close its descriptor of ``life`` would release the lock of this process.

    Args:
        folder: of a process that is watched.
    """

    def __init__(self, folder: str) -> None:
        self._directory = os.open(folder, _DIRECTORY)
        try:
            self._reader = PulseReader(self._directory)
        except BaseException:
            os.close(self._directory)
            raise
        self._position = self._sequence = 0
        self.seen: list[dict[str, Any]] = []

    def close(self) -> None:
        self._reader.close()
        os.close(self._directory)

    def new(self) -> list[dict[str, Any]]:
        """What has come into the ring since it was called last."""
        read = self._reader.ring(self._position, self._sequence)
        self._position, self._sequence = read.position, read.sequence
        found = [json.loads(item.payload) for item in read.records]
        self.seen += found
        return found

    def of_kind(self, *kinds: str) -> list[dict[str, Any]]:
        """All of these kinds in the ring so far."""
        self.new()
        return [record for record in self.seen if record["kind"] in kinds]

    def boot(self) -> list[dict[str, Any]]:
        """All that the boot lane has."""
        return [json.loads(item.payload) for item in self._reader.boot().records]

    def vitals(self) -> Vitals:
        return self._reader.vitals()
