"""What is known of an ill process besides its pulse: how the kernel sees it, its stacks, and its last words."""

from __future__ import annotations

from typing import Callable

from lifesign import semconv
from lifesign.judge import states
from lifesign.judge.causes.threads import gil_held
from lifesign.judge.gil.ask import Asking
from lifesign.judge.gil.holder import GilHolder, holders
from lifesign.judge.gil.stacks import Stacks
from lifesign.judge.kernel import NO_LOOP, Kernel, contended
from lifesign.judge.reading import Circumstances, Reading
from lifesign.watch.emit.causes import cause_attributes, stack_attributes
from lifesign.watch.emit.transitions import NO_DETAILS, Details
from lifesign.watch.observe import lastwords
from lifesign.watch.observe.lastwords import LastWords, threads_text
from lifesign.watch.sources import Source
from lifesign.watch.telemetry import SEVERITY_ERROR, Attributes, Log, Telemetry
from lifesign.wire.folder import Folder

_LATE = 1 / 3  # of the heartbeat timeout without a beat: worth a closer look
_COARSE_NS = 1_000_000_000  # the times of a file and of a beat are comparable to about this


class Evidence:
    """Gathers it for one process; costs nothing while the process is well.

    Args:
        folder: the process's folder in the run directory.
        own: what the process calls itself.
        beats: reads how often its watchdog has beaten.
        resource: the key of its Resource.
        instance: its instance id, with which the uids of its records begin.
    """

    def __init__(
        self, folder: Folder, own: int, beats: Callable[[], int], resource: str, instance: str, source: Source
    ) -> None:
        self._folder = folder.descriptor
        self._kernel = Kernel(folder.life)
        self._asking = Asking(folder, own, beats)
        self._resource = resource
        self._instance = instance
        self._source = source
        self._beats = -1
        self._polled = 0
        self._crash: LastWords | None = None
        self._read = False  # of a process that has ended: once is enough
        self._stacks: Stacks | None = None
        self.holders: tuple[GilHolder, ...] = ()  # who may hold the GIL, of a process that is frozen
        self._reported = 0  # when the stacks were asked for that have been reported

    def circumstances(self, reading: Reading, *, ask: bool) -> Circumstances | None:
        """What else is known at this reading; None where that is nothing.

        Args:
            ask: whether to ask a frozen process for its stacks; else only what others have asked for is read.
        """
        signs = [one for one in (reading.watchdog, *reading.loops) if one is not None]
        beats, newest = sum(one.beats for one in signs), max((one.mono_ns for one in signs), default=reading.started)
        # A beat that we had not seen, from a time before the last poll: it took that long to be written down.
        moved = 0 <= self._beats < beats and newest < self._polled
        self._beats, self._polled = beats, reading.now
        age = reading.now - (reading.watchdog.mono_ns if reading.watchdog else reading.started)
        late = min(reading.running(), key=lambda signs: signs.mono_ns, default=None)
        if max(age, 0 if late is None else reading.now - late.mono_ns) <= reading.timeout * _LATE:
            self._kernel.forget()
            self._know(None)
            return None
        if age > reading.timeout and reading.watchdog is not None:
            may_ask = ask and reading.tombstone is None
            asking = self._asking
            self._know(asking.ask(reading.timeout) if may_ask else asking.answer(reading.watchdog.beats))
        else:
            self._know(None)
            if ask and age > reading.timeout * _LATE:
                self._asking.look()
        beaten = {signs.slot: signs.mono_ns for signs in reading.running()}
        thread, slot = (0, NO_LOOP) if late is None else (late.thread, late.slot)
        outside = self._kernel.look(reading.now, thread, slot, beaten)
        return Circumstances(outside, self._stacks is not None, moved, outside is None and contended())

    def crash(self, reading: Reading) -> str | None:
        """What the last words of a process that is gone name, a signal where it was one."""
        if not self._read:
            self._read = True
            self._crash = self._newest(reading)
            if reading.watchdog is not None:
                self._know(self._asking.answer(reading.watchdog.beats))
        return None if self._crash is None else self._crash.signal or self._crash.what

    def details(self, state: str) -> Details:
        """What the record of entering the state must say; of who holds the GIL its cause says it."""
        if self._crash is not None:
            return Details(self._crash.where(), self._crash.attributes(self._source))
        if self._stacks is None:
            refused = self._asking.refused if state == states.FROZEN else ""
            return Details(f"no stacks: {refused}", {}) if refused else NO_DETAILS
        self._reported = self._stacks.request.at
        found = gil_held(states.FROZEN, self.holders)
        words = f"until then {found[0].sentence}" if found and state == states.DEAD else ""
        return Details(words, {**self._attributes(self._stacks), **(cause_attributes(found) if words else {})})

    def late(self, now: int) -> list[Telemetry]:
        """The stacks that came after the record of coming into `frozen`; `now` in wall clock nanoseconds."""
        stacks = self._stacks
        if stacks is None or stacks.request.at == self._reported:
            return []
        self._reported = stacks.request.at
        found = gil_held(states.FROZEN, self.holders)
        return [
            Log(
                resource=self._resource,
                uid=f"{self._instance}-last-words-{stacks.request.at}",
                event=semconv.LOG_LAST_WORDS,
                time=stacks.request.at,
                observed=now,
                severity=SEVERITY_ERROR,
                body="; ".join(["GIL held by C code", *(cause.sentence for cause in found)]),
                attributes={semconv.STATE: states.FROZEN, **self._attributes(stacks), **cause_attributes(found)},
            )
        ]

    def _know(self, stacks: Stacks | None) -> None:
        if stacks is not None and not stacks.threads:
            stacks = None  # nobody has answered yet
        if stacks != self._stacks:
            self._stacks = stacks
            self.holders = holders(stacks, self._asking.offer()) if stacks is not None else ()

    def _attributes(self, stacks: Stacks) -> Attributes:
        """The stack of who holds the GIL, and those of all threads."""
        stack = list(self.holders[0].stack) if self.holders else []
        first = next((one for one in stacks.threads if list(reversed(one.frames)) == stack), None)
        all_threads = threads_text(stacks.threads, first, self._source)
        return {semconv.EXCEPTION_STACKTRACE: all_threads, **stack_attributes(stack, self._source)}

    def _newest(self, reading: Reading) -> LastWords | None:
        """The last words, where they are about its end and not about something that it got over."""
        words = lastwords.read(self._folder)
        if words is None or reading.watchdog is None:
            return None
        return words if words.at >= reading.watchdog.wall_ns - _COARSE_NS else None
