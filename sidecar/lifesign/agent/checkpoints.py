"""The boot's checkpoints, as marks and as timed blocks: records in the boot lane, which never wraps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Iterable

from lifesign import semconv
from lifesign.agent.identity import new_span_id
from lifesign.agent.synthetic.context import tagged
from lifesign.wire.lane import LaneWriter, encode_failure, quoted

if TYPE_CHECKING:
    from lifesign.wire.records import BootExpects, Failure

_NAME_CHARACTERS = 200
_EXPECTED_MAX = 100  # names, so that the list fits into one record
_NO_NUMBER = '"number":null,"total":null'


def _numbered(names: tuple[str, ...]) -> dict[str, str]:
    """Which of how many each of them is, as it stands in a record."""
    return {name: f'"number":{number},"total":{len(names)}' for number, name in enumerate(names, 1)}


_NUMBERS = _numbered(semconv.CHECKPOINTS)


class Checkpoints:
    """The checkpoints of one boot.

    Args:
        lane: where they are written.
        started: wall clock time of the process's start, where the span of the first mark begins.
        expected: names that the boot must reach, in order.
    """

    def __init__(self, lane: LaneWriter, started: int, expected: Iterable[str]) -> None:
        self._lane = lane
        self._last_mark = started
        names = tuple(expected)[:_EXPECTED_MAX]
        self._numbers = _numbered(names)
        self._missing = dict.fromkeys(names)
        self._open: dict[str, tuple[str, int]] = {}  # timed blocks in progress, by id: name and start
        if names:
            expects: BootExpects = {"kind": "boot_expects", "names": [name[:_NAME_CHARACTERS] for name in names]}
            lane.append(expects)

    @property
    def missing(self) -> tuple[str, ...]:
        """The expected ones that have not been reached."""
        return tuple(self._missing)

    @property
    def open(self) -> str | None:
        """The name of the oldest timed block in progress."""
        return next((name for name, _ in list(self._open.values())), None)

    def mark(self, name: str) -> str:
        """A checkpoint that is reached now; its span runs from the mark before, and has the id that is returned."""
        now = time.time_ns()
        start, self._last_mark = self._last_mark, now
        id = new_span_id()  # noqa: A001
        self._write(id, name, self._numbers, start, now, None)
        if self._missing:
            self._missing.pop(name, None)
        return id

    def mark_built_in(self, name: str, error: Failure | None = None) -> None:
        """One of `semconv.CHECKPOINTS`."""
        now = time.time_ns()
        start, self._last_mark = self._last_mark, now
        self._write(new_span_id(), name, _NUMBERS, start, now, error)

    def open_block(self, id: str, name: str) -> None:  # noqa: A002
        """A timed block begins now; it replaces the mark with its id."""
        start = time.time_ns()
        self._open[id] = name, start
        if name in self._numbers:  # the mark before this was only the call
            self._missing[name] = None
        self._write(id, name, self._numbers, start, None, None)

    def close_block(self, id: str, error: Failure | None) -> None:  # noqa: A002
        """A timed block ends now."""
        opened = self._open.pop(id, None)
        if opened is None:  # it was left twice, or never entered
            return
        name, start = opened
        self._last_mark = now = time.time_ns()
        if error is None:
            self._missing.pop(name, None)
        self._write(id, name, self._numbers, start, now, error)

    def _write(
        self,
        id: str,  # noqa: A002
        name: str,
        numbers: dict[str, str],
        start: int,
        end: int | None,
        error: Failure | None,
    ) -> None:
        """Writes one `wire.records.Checkpoint`; a later record with the same id replaces an earlier one."""
        if end is not None and end < start:
            start = end  # a wall clock that was set back must not make a span end before it starts
        number = numbers.get(name, _NO_NUMBER)
        if len(name) > _NAME_CHARACTERS:
            name = name[:_NAME_CHARACTERS]
        # A template: a dict that is encoded would be two thirds more of the instructions.
        record = (
            f'{{"kind":"checkpoint","id":"{id}","name":{quoted(name)},'
            f'{number},"start":{start},"end":{"null" if end is None else end},'
            f'"error":{"null" if error is None else encode_failure(error)},'
            f'"synthetic":{"true" if tagged() else "false"}}}'
        )
        try:
            payload = record.encode()
        except UnicodeEncodeError:  # half a surrogate pair, which no decoder of JSON takes
            payload = record.encode("utf-8", "replace")
        self._lane.write(payload)
