"""The basis of a verdict, read from one process folder."""

from __future__ import annotations

import contextlib
import time

from lifesign.judge.diagnosis import Reading
from lifesign.judge.rundir import RunDirectory
from lifesign.watch.records import InvalidRecordError, decode_identity, decode_tombstone
from lifesign.wire.folder import PulseError
from lifesign.wire.reader import PulseReader, Vitals


class Sensor:
    """The open files of a process.

    Args:
        timeout: seconds after which a beat is stale.

    Raises:
        PulseError: its pulse cannot be read, and never will be.
        OSError: the folder or a file in it cannot be opened.
    """

    def __init__(self, directory: RunDirectory, key: str, timeout: float) -> None:
        self._directory = directory
        self._timeout = int(timeout * 1e9)
        with contextlib.ExitStack() as opened:
            self.folder = directory.open(key)
            opened.callback(self.folder.close)
            self.pulse = PulseReader(self.folder.descriptor)
            opened.callback(self.pulse.close)
            try:
                self.identity = decode_identity(self.pulse.identity())
            except InvalidRecordError as error:
                raise PulseError(str(error)) from None
            self._opened = opened.pop_all()

    def close(self) -> None:
        self._opened.close()

    def read(self, watching_since: int, reported: str | None) -> tuple[Reading, Vitals]:
        """One reading, and the vital signs as they are in the pulse.

        Args:
            watching_since, reported: see `diagnosis.Reading`.

        Raises:
            PulseError, OSError: the pulse is not what it was, or gone.
        """
        alive = self.folder.is_alive()  # first: what is read afterwards of a dead process is complete
        vitals = self.pulse.vitals()
        reading = Reading(
            now=time.monotonic_ns(),
            wall=time.time_ns(),
            watching_since=watching_since,
            alive=alive,
            watchdog=vitals.watchdog,
            loops=tuple(signs for signs in vitals.loops if signs is not None),
            events=vitals.events,
            started=self.identity["started_mono_ns"],
            timeout=self._timeout,
            boot_timeout=int(self.identity["boot_timeout"] * 1e9),
            tombstone=None if alive else decode_tombstone(self.pulse.tombstone()),
            ending=self._directory.ending(self.identity["pid"]),
            reported=reported,
        )
        return reading, vitals
