"""``lifesign.checkpoint``: a named point of the boot, as a mark or as a timed block."""

from __future__ import annotations

import time
from types import TracebackType

from lifesign.agent import process
from lifesign.agent.harmless import failure, harmless
from lifesign.agent.identity import new_span_id


class CheckpointBlock:
    """What `checkpoint` returns. Entering it (``with`` or ``async with``) turns the mark into a timed block."""

    __slots__ = ("_agent", "_id", "_name", "_start")

    def __init__(self, agent: process.Agent | None, name: str) -> None:
        self._agent = agent
        self._name = name
        self._id = ""
        self._start = 0
        if agent is not None:
            self._id = new_span_id()
            agent.boot.mark(name, id=self._id)

    def __enter__(self) -> None:
        if self._agent is not None:
            with harmless:
                self._start = time.time_ns()
                # Takes the place of the mark, which the sidecar keeps back long enough for this.
                self._agent.boot.open_block(self._name, self._start, self._id)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        if self._agent is not None:
            with harmless:
                told = None if error is None else failure(error)
                self._agent.boot.close_block(self._name, self._start, self._id, told)

    async def __aenter__(self) -> None:
        self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, stack)


def checkpoint(name: str) -> CheckpointBlock:
    """Marks a named point of the boot; its span runs from the mark before to now.

    ``with lifesign.checkpoint(name): ...`` (or ``async with``) times a block instead. An exception
    that leaves the block makes the checkpoint an error and goes on its way.

    Args:
        name: what has been reached, such as ``"config loaded"``; 200 characters are kept.
    """
    with harmless:
        return CheckpointBlock(process.running(), str(name))
    return CheckpointBlock(None, "")


def boot_trace_id() -> str:
    """The id of the boot's trace, 32 hex digits, to look it up by or to link to; empty where no agent runs."""
    with harmless:
        agent = process.running()
        return "" if agent is None else agent.boot.trace
    return ""
