"""What is known of an ill process besides its pulse: how the kernel sees it, and its last words."""

from __future__ import annotations

from lifesign import semconv
from lifesign.judge import states
from lifesign.judge.kernel import Kernel, contended
from lifesign.judge.reading import Circumstances, Reading
from lifesign.watch.emit.transitions import NO_DETAILS, Details
from lifesign.watch.observe import lastwords
from lifesign.watch.observe.lastwords import LastWords
from lifesign.watch.sources import Source
from lifesign.watch.telemetry import SEVERITY_ERROR, Log, Telemetry
from lifesign.wire.folder import Folder

_LATE = 1 / 3  # of the heartbeat timeout without a beat: worth a closer look
_COARSE_NS = 1_000_000_000  # the times of a file and of a beat are comparable to about this
_SETTLED_NS = 500_000_000  # a dump as young as this may come from a stopped process that has just been continued


class Evidence:
    """Gathers it for one process; costs nothing while the process is well.

    Args:
        folder: the process's folder in the run directory.
        resource: the key of its Resource.
        instance: its instance id, with which the uids of its records begin.
    """

    def __init__(self, folder: Folder, resource: str, instance: str, source: Source) -> None:
        self._folder = folder.descriptor
        self._kernel = Kernel(folder.life)
        self._resource = resource
        self._instance = instance
        self._source = source
        self._beats = -1
        self._polled = 0
        self._words: LastWords | None = None
        self._read = False  # of a process that has ended: once is enough
        self._reported = 0  # when the last words were written that have been reported

    def circumstances(self, reading: Reading) -> Circumstances | None:
        """What else is known at this reading; None where that is nothing."""
        signs = [one for one in (reading.watchdog, *reading.loops) if one is not None]
        beats, newest = sum(one.beats for one in signs), max((one.mono_ns for one in signs), default=reading.started)
        # A beat that we had not seen, from a time before the last poll: it took that long to be written down.
        moved = 0 <= self._beats < beats and newest < self._polled
        self._beats, self._polled = beats, reading.now
        age = reading.now - (reading.watchdog.mono_ns if reading.watchdog else reading.started)
        late = min(reading.running(), key=lambda signs: signs.mono_ns, default=None)
        if max(age, 0 if late is None else reading.now - late.mono_ns) <= reading.timeout * _LATE:
            self._kernel.forget()
            self._words = None
            return None
        self._words = self._newest(reading) if age > reading.timeout else None
        if self._words is not None and reading.wall - self._words.at < _SETTLED_NS:
            self._words = None
        outside = self._kernel.look(reading.now, late.thread if late is not None else 0)
        return Circumstances(outside, self._words is not None, moved, outside is None and contended())

    def crash(self, reading: Reading) -> str | None:
        """What the last words of a process that is gone name, a signal where it was one."""
        if not self._read:
            self._read = True
            self._words = self._newest(reading)
        crash = self._words if self._words is not None and self._words.fatal else None
        return None if crash is None else crash.signal or crash.what

    def details(self) -> Details:
        """What the record of entering the state must say."""
        words = self._words
        if words is None:
            return NO_DETAILS
        self._reported = words.at
        thread = "" if words.fatal else "its main thread is "
        return Details(words.where() and thread + words.where(), words.attributes(self._source))

    def late(self, now: int) -> list[Telemetry]:
        """The last words that came after the record of coming into `frozen`; `now` in wall clock nanoseconds."""
        words = self._words
        if words is None or words.at == self._reported:
            return []
        details = self.details()
        return [
            Log(
                resource=self._resource,
                uid=f"{self._instance}-last-words-{words.at}",
                event=semconv.LOG_LAST_WORDS,
                time=words.at,
                observed=now,
                severity=SEVERITY_ERROR,
                body="; ".join(filter(None, (f"GIL held by C code, {words.what}", details.words))),
                attributes={semconv.STATE: states.FROZEN, **details.attributes},
            )
        ]

    def _newest(self, reading: Reading) -> LastWords | None:
        """The last words, where they are about now and not about something that it got over."""
        words = lastwords.read(self._folder)
        if words is None or reading.watchdog is None or (words.fatal and reading.alive):
            return None
        margin = -_COARSE_NS if words.fatal else _COARSE_NS
        return words if words.at >= reading.watchdog.wall_ns + margin else None
