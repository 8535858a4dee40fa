"""What is known of an ill process besides its pulse: how the kernel sees it, and its last words."""

from __future__ import annotations

from lifesign import semconv
from lifesign.judge import states
from lifesign.judge.diagnosis import Circumstances
from lifesign.judge.kernel import Kernel
from lifesign.watch import lastwords
from lifesign.watch.emit.transitions import NO_EVIDENCE, Evidence
from lifesign.watch.lastwords import LastWords
from lifesign.watch.sources import Source
from lifesign.watch.telemetry import SEVERITY_ERROR, Log
from lifesign.wire.reader import Vitals

_LATE = 1 / 3  # of the heartbeat timeout without a beat: worth a look
_COARSE_NS = 1_000_000_000  # about as exact are the times of a file and of a beat beside each other
_SETTLED_NS = 500_000_000  # a dump as young as this may be one of a stopped process that goes on right now


class Witness:
    """Watches one process; costs nothing while it is well.

    Args:
        folder: descriptor of its folder in the run directory.
        life: descriptor of its life token.
        resource: the key of its Resource.
        instance: its instance id, with which the uids of its records begin.
    """

    def __init__(self, folder: int, life: int, resource: str, instance: str, source: Source) -> None:
        self._folder = folder
        self._kernel = Kernel(life)
        self._resource = resource
        self._instance = instance
        self._source = source
        self._beats = -1
        self._looked = 0
        self._words: LastWords | None = None
        self._read = False  # of a process that has ended: once is enough
        self._told = 0  # when the last words were written that have been told of

    def look(
        self, alive: bool, vitals: Vitals, started: int, timeout: int, now: int, wall: int
    ) -> Circumstances | None:
        """One look; None where there is nothing to tell.

        Args:
            started: when the process began, as `now` and `timeout` in monotonic nanoseconds.
            wall: wall clock nanoseconds.
        """
        beat = vitals.watchdog.wall_ns if vitals.watchdog else None
        if not alive:
            if not self._read:
                self._read = True
                self._words = self._newest(beat, alive)
            crash = self._words if self._words is not None and self._words.fatal else None
            return Circumstances(crash=crash.signal or crash.what) if crash is not None else None
        signs = [one for one in (vitals.watchdog, *vitals.loops) if one is not None]
        beats, newest = sum(one.beats for one in signs), max((one.mono_ns for one in signs), default=started)
        # A beat that we had not seen, from a time before we looked: it took that long to be written down.
        moved = 0 <= self._beats < beats and newest < self._looked
        self._beats, self._looked = beats, now
        age = now - (vitals.watchdog.mono_ns if vitals.watchdog else started)
        if age <= timeout * _LATE:
            self._kernel.forget()
            self._words = None
            return None
        self._words = self._newest(beat, alive) if age > timeout else None
        if self._words is not None and wall - self._words.at < _SETTLED_NS:
            self._words = None
        return Circumstances(self._kernel.look(now), self._words is not None, moved)

    def evidence(self) -> Evidence:
        """What a record of coming into the state is to say."""
        words = self._words
        if words is None:
            return NO_EVIDENCE
        self._told = words.at
        thread = "" if words.fatal else "its main thread is "
        return Evidence(words.where() and thread + words.where(), words.attributes(self._source))

    def late(self, now: int) -> list[Log]:
        """The last words that came after the record of coming into `frozen`; `now` in wall clock nanoseconds."""
        words = self._words
        if words is None or words.at == self._told:
            return []
        made = self.evidence()
        return [
            Log(
                resource=self._resource,
                uid=f"{self._instance}-last-words-{words.at}",
                event=semconv.LOG_LAST_WORDS,
                time=words.at,
                observed=now,
                severity=SEVERITY_ERROR,
                body="; ".join(filter(None, (f"GIL held by C code, {words.what}", made.words))),
                attributes={semconv.STATE: states.FROZEN, **made.attributes},
            )
        ]

    def _newest(self, beat: int | None, alive: bool) -> LastWords | None:
        """The last words, where they are about now and not about something that it got over."""
        words = lastwords.read(self._folder)
        if words is None or beat is None or (words.fatal and alive):
            return None
        return words if words.at >= beat + (-_COARSE_NS if words.fatal else _COARSE_NS) else None
