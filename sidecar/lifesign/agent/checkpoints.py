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
        self._expected = tuple(expected)[:_EXPECTED_MAX]
        self._missing = dict.fromkeys(self._expected)
        self._open: dict[str, str] = {}  # timed blocks in progress: id and name
        if self._expected:
            expects: BootExpects = {
                "kind": "boot_expects",
                "names": [name[:_NAME_CHARACTERS] for name in self._expected],
            }
            lane.append(expects)

    @property
    def missing(self) -> tuple[str, ...]:
        """The expected ones that have not been reached."""
        return tuple(self._missing)

    @property
    def open(self) -> str | None:
        """The name of the oldest timed block in progress."""
        return next(iter(list(self._open.values())), None)

    def mark(self, name: str, *, error: Failure | None = None, id: str = "") -> None:  # noqa: A002
        """A checkpoint that is reached now; its span runs from the mark before."""
        now = time.time_ns()
        start, self._last_mark = self._last_mark, now
        self._write(name, start, now, error, id)
        self._missing.pop(name, None)

    def mark_built_in(self, name: str, error: Failure | None = None) -> None:
        """One of `semconv.CHECKPOINTS`."""
        now = time.time_ns()
        start, self._last_mark = self._last_mark, now
        self._write(name, start, now, error, "", semconv.CHECKPOINTS)

    def open_block(self, name: str, start: int, id: str) -> None:  # noqa: A002
        """The start of a timed block; it replaces the mark with its id."""
        self._open[id] = name
        if name in self._expected:  # the mark before this was only the call
            self._missing[name] = None
        self._write(name, start, None, None, id)

    def close_block(self, name: str, start: int, id: str, error: Failure | None) -> None:  # noqa: A002
        """The end of a timed block."""
        self._last_mark = now = time.time_ns()
        self._open.pop(id, None)
        if error is None:
            self._missing.pop(name, None)
        self._write(name, start, now, error, id)

    def _write(
        self,
        name: str,
        start: int,
        end: int | None,
        error: Failure | None,
        id: str,  # noqa: A002
        among: tuple[str, ...] = (),
    ) -> None:
        """Writes one `wire.records.Checkpoint`; a later record with the same id replaces an earlier one."""
        number = total = None
        among = among or self._expected
        if name in among:
            number, total = among.index(name) + 1, len(among)
        if end is not None and end < start:
            start = end  # a wall clock that was set back must not make a span end before it starts
        # A template: a dict that is encoded would be two thirds more of the instructions.
        record = (
            f'{{"kind":"checkpoint","id":"{id or new_span_id()}","name":{quoted(name[:_NAME_CHARACTERS])},'
            f'"number":{"null" if number is None else number},"total":{"null" if total is None else total},'
            f'"start":{start},"end":{"null" if end is None else end},'
            f'"error":{"null" if error is None else encode_failure(error)},'
            f'"synthetic":{"true" if tagged() else "false"}}}'
        )
        self._lane.write(record.encode("utf-8", "replace"))
