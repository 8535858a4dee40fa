"""The basis of a verdict, read from one process folder."""

from __future__ import annotations

import contextlib
import time

from lifesign.judge.clock import Clock
from lifesign.judge.exit_status import ExitStatus
from lifesign.judge.reading import Ending, Reading
from lifesign.judge.rundir import Incarnation, RunDirectory
from lifesign.watch.observe.usage import ProcessUsage
from lifesign.watch.records import InvalidRecordError, decode_identity, decode_tombstone
from lifesign.wire.folder import PulseError
from lifesign.wire.reader import PulseReader, Vitals

_LATE_NS = 1_000_000_000  # a watchdog that has nothing to look after beats twice a second


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
            self._exit = ExitStatus(self.folder.life, self.identity["pid"])
            opened.callback(self._exit.close)
            self.usage = ProcessUsage(self.pulse, self.folder.life)
            started, worker = self.identity["started_mono_ns"], self.identity["worker"]
            self._who = Incarnation(key, self.identity["pid"], started, worker)
            self._clock = Clock(started)
            self._clock.ours(self.pulse.vitals(), time.monotonic_ns())
            self.identity["started_mono_ns"] = self._clock.started
            self._locked = self._left = (
                False  # its life token, and whether there was a tombstone, at the newest reading
            )
            self._ended = Ending()  # what stays known once the end is judged
            self._opened = opened.pop_all()

    def close(self) -> None:
        self._opened.close()

    def beats(self) -> int:
        """How often the watchdog has beaten by now."""
        signs = self.pulse.vitals().watchdog
        return signs.beats if signs is not None else 0

    def comes_or_goes(self) -> bool:
        """Whether its life token was taken or freed since the newest reading; raises OSError."""
        return self.folder.is_alive() != self._locked

    def read(self, watching_since: int, reported: str | None, *, judged: bool) -> tuple[Reading, Vitals]:
        """One reading, and the vital signs as they are in the pulse.

        Args:
            watching_since, reported: see `judge.reading.Reading`.
            judged: whether the end of the process is: then nothing more is asked about it.

        Raises:
            PulseError, OSError: the pulse is not what it was, or gone.
        """
        locked = self._locked = self.folder.is_alive()  # first: what is read afterwards of a dead process is complete
        vitals = self.pulse.vitals()
        now = time.monotonic_ns()
        vitals = self._clock.ours(vitals, now)
        # Its agent's last act is the tombstone: while the agent beats there is no need to look for one.
        late = vitals.watchdog is None or now - vitals.watchdog.mono_ns > _LATE_NS
        tombstone = decode_tombstone(self.pulse.tombstone()) if late or self._left or not locked else None
        self._left = tombstone is not None
        alive, ending = False, self._ended
        if judged:
            self._exit.close()
        else:
            self.usage.read(now, alive=locked)
            alive, ending = self._end(vitals, now, locked=locked, over=not locked or tombstone is not None)
        reading = Reading(
            now=now,
            wall=time.time_ns(),
            watching_since=watching_since,
            alive=alive,
            watchdog=vitals.watchdog,
            loops=tuple(signs for signs in vitals.loops if signs is not None),
            events=vitals.events,
            started=self.identity["started_mono_ns"],
            timeout=self._timeout,
            boot_timeout=int(self.identity["boot_timeout"] * 1e9),
            tombstone=tombstone,
            ending=ending,
            reported=reported,
        )
        return reading, vitals

    def _end(self, vitals: Vitals, now: int, *, locked: bool, over: bool) -> tuple[bool, Ending]:
        """Whether the process is there, and what is known of its end."""
        ending = self._directory.ending(self._who, over=over)
        if locked:
            self._exit.hold()
            return not ending.replaced, ending
        return not ending.replaced and self._goes_on(vitals, now), self._complete(ending)

    def _goes_on(self, vitals: Vitals, now: int) -> bool:
        """Whether a process beats on that closed its life token, with all the descriptors that it had."""
        beats = vitals.watchdog is not None and now - vitals.watchdog.mono_ns <= self._timeout
        return beats and self._exit.lives() is True

    def _complete(self, ending: Ending) -> Ending:
        """What the kernel knows of an end."""
        if self._exit.lives():
            return ending._replace(replaced=True, awaited=False)
        how = self._exit.read()
        if how is not None:
            ending = ending._replace(exit_code=how.code, signal=how.signal, awaited=False)
        ending = ending._replace(oom_killed=self.usage.oom_killed(), memory=self.usage.memory)
        kept = {name: getattr(ending, name) for name in ("exit_code", "signal", "oom_killed", "memory")}
        self._ended = Ending(**kept)
        return ending
