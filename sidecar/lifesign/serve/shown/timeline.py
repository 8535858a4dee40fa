"""The last hours of one process: for each few seconds the worst delay of its event loops, and its worst state."""

from __future__ import annotations

from array import array

import msgspec

from lifesign.judge import states
from lifesign.serve.shown.rows import ORDER

STEP_S = 10
STEPS = 2160  # six hours
_LETTERS = dict(zip(states.STATES, "shlgibfdx"))
_NOTHING = "."
_RANK = {_LETTERS[state]: rank for rank, state in enumerate(ORDER)} | {_NOTHING: len(ORDER)}


class TimelineView(msgspec.Struct, frozen=True):
    """Steps of equal length, oldest first, from `start` on (wall clock milliseconds).

    `delays` are milliseconds, -1 without one. `states` has one letter a step, `letters` what they stand for; a step
    in which the process was not seen has a dot.
    """

    start: int
    step: int
    delays: list[int]
    states: str
    letters: dict[str, str]


class SavedTimeline(msgspec.Struct, frozen=True):
    """A timeline from one sidecar to the next; `first` is the number of the oldest step since the epoch."""

    first: int
    delays: list[int]
    states: str


class Timeline:
    """A ring of steps that is as long as what was seen, up to `STEPS`."""

    def __init__(self) -> None:
        self._first = 0  # the number of the oldest step since the epoch
        self._delays = array("l")
        self._states = bytearray()

    def add(self, now: int, delay: float | None, state: str) -> None:
        """One poll; `now` in wall clock milliseconds.

        A clock that was set back goes on in the newest step, unless that would be the last one for long.
        """
        step = now // (STEP_S * 1000)
        if not self._states:
            self._first = step
        missing = step - self._first - len(self._states) + 1
        if missing > STEPS or missing < -STEPS // 10:
            self._first, missing = step, 1
            self._delays, self._states = array("l"), bytearray()
        for _ in range(missing):
            self._delays.append(-1)
            self._states += _NOTHING.encode()
        if delay is not None:
            self._delays[-1] = max(self._delays[-1], min(int(delay * 1000), 10**9))
        letter = _LETTERS[state]
        if _RANK[letter] < _RANK[chr(self._states[-1])]:
            self._states[-1] = ord(letter)
        over = len(self._states) - STEPS
        if over > STEPS // 10:  # now and then, not at every step
            del self._delays[:over]
            del self._states[:over]
            self._first += over

    def saved(self) -> SavedTimeline:
        """All of it."""
        return SavedTimeline(self._first, self._delays.tolist(), self._states.decode())

    def recall(self, saved: SavedTimeline) -> None:
        """Goes on where an earlier sidecar stopped; only before the first poll. What is no timeline is left out."""
        states, delays = saved.states[-STEPS:], saved.delays[-STEPS:]
        if len(states) != len(delays) or not 0 <= saved.first < 1 << 40 or set(states) - _RANK.keys():
            return
        self._first = saved.first + len(saved.states) - len(states)
        self._delays = array("l", (min(max(-1, delay), 10**9) for delay in delays))
        self._states = bytearray(states.encode())

    def view(self, after: int = 0) -> TimelineView:
        """The steps that end after `after`, wall clock milliseconds."""
        skipped = min(max(0, after // (STEP_S * 1000) - self._first, len(self._states) - STEPS), len(self._states))
        return TimelineView(
            start=(self._first + skipped) * STEP_S * 1000,
            step=STEP_S * 1000,
            delays=self._delays[skipped:].tolist(),
            states=self._states[skipped:].decode(),
            letters={letter: state for state, letter in _LETTERS.items()},
        )
