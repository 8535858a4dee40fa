"""The boot in the terminal: one line per checkpoint as it is reached, and a summary at the end."""

from __future__ import annotations

import time
from typing import Callable, Sequence

from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lifesign.cli.gate.verdict import ALIVE, FAILED, INTERRUPTED, STALLED, Outcome
from lifesign.cli.output import program
from lifesign.cli.output.terminal import duration, printable
from lifesign.judge import states
from lifesign.semconv import CHECKPOINT_WAITING
from lifesign.watch.telemetry import CheckpointReading, Snapshot

_STYLES = {ALIVE: "bold green", FAILED: "bold red", STALLED: "bold yellow", INTERRUPTED: "bold"}
_NAME_WIDTH = 40  # columns
_BAR_WIDTH = 32
_REMARK_S = 1.0  # after which it is said what is waited for, and again each time that has doubled


class Drawing:
    """Draws on `to` what it is shown.

    Args:
        command: what boots, for the first line.
        proof: what it is to prove its life by.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        to: Console,
        command: Sequence[str],
        timeout: float,
        proof: str = "an event",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._to = to
        self._proof = proof
        self._clock = clock
        self._news = clock()
        self._remark_after = _REMARK_S
        self._drawn: set[tuple[str, str, int]] = set()
        self._processes: set[str] = set()
        self._line(f"boot of {' '.join(program.shown(command))} (timeout {timeout:g} s)", "bold")

    def show(self, processes: Sequence[Snapshot]) -> None:
        """The checkpoints that are new; without any for a while, what is waited for."""
        for process in processes:
            for one in process.checkpoints:
                self._draw(process, one)
        # In lines of their own: CMD writes to the same terminal.
        waited = self._clock() - self._news
        if waited >= self._remark_after:
            self._remark_after *= 2
            self._line(f"{'':>9}    ...  {_awaited(processes, self._proof)}, for {duration(waited)}", "dim")

    def waterfall(self, process: Snapshot) -> None:
        """When each checkpoint was under way, where there is a terminal."""
        if self._to.is_terminal:
            self._to.print(_waterfall(process))

    def _draw(self, process: Snapshot, one: CheckpointReading) -> None:
        drawn = (process.key, one.name, one.start)
        if one.end is None or drawn in self._drawn:
            return
        self._drawn.add(drawn)
        self._news, self._remark_after = self._clock(), _REMARK_S
        if process.key not in self._processes:
            self._processes.add(process.key)
            self._line(f"process {process.pid} ({process.command})", "dim")
        took = (one.end - one.start) / 1e9
        line = f"  {_since(process, one.end):7.2f} s  {_number(one):>5}  {one.name:<24} {_duration(took):>9}"
        self._line(f"{line}  {one.error}" if one.error else line, "red" if one.error else "")

    def conclude(self, outcome: Outcome) -> None:
        """The verdict, which is the last to be said."""
        process = outcome.process
        at = None if process is None or process.boot == "complete" else process.stopped_at()
        where = f" at checkpoint {_number(at)} {at.name!r}".replace("  ", " ") if at is not None else ""
        self._line(f"{outcome.verdict}{where}: {outcome.why}", _STYLES[outcome.verdict])
        if process is not None and process.boot_missing and process.boot != "timed_out":
            self._line(f"  missing checkpoints: {', '.join(process.boot_missing)}")
        if outcome.hint:
            self._line(f"  try: {outcome.hint}")

    def _line(self, text: str, style: str = "") -> None:
        self._to.print(Text(printable(text), style), soft_wrap=True)


def _awaited(processes: Sequence[Snapshot], proof: str) -> str:
    living = [one for one in processes if one.alive]
    if not living:
        return "waiting for an event loop in CMD"
    process = living[0]
    if process.state in (states.BLOCKED, states.FROZEN):
        return f"process {process.pid} is {process.state}"
    at = process.stopped_at()
    if at is None or at.name == CHECKPOINT_WAITING:
        return f"waiting for {proof}"
    return f"at checkpoint {at.name!r}" if at.end is None else f"nothing new after checkpoint {at.name!r}"


def _waterfall(process: Snapshot) -> Table:
    """When each checkpoint was under way, as bars on one scale."""
    begin = min((one.start for one in process.checkpoints), default=0)
    end = max((one.end or time.time_ns() for one in process.checkpoints), default=1)
    table = Table(box=None, pad_edge=False, show_header=False)
    for one in process.checkpoints:
        until = one.end or time.time_ns()
        colour = "red" if one.error or one.end is None else "green"
        table.add_row(
            Text(_number(one), "dim"),
            Text(printable(one.name)[:_NAME_WIDTH]),
            Bar(max(end - begin, 1), one.start - begin, max(until - begin, 1), width=_BAR_WIDTH, color=colour),
            Text(_duration((until - one.start) / 1e9), justify="right"),
        )
    return table


def _since(process: Snapshot, moment: int) -> float:
    return (moment - min(one.start for one in process.checkpoints)) / 1e9


def _number(one: CheckpointReading) -> str:
    if one.number is None:
        return ""
    return f"{one.number}/{one.total}" if one.total is not None else str(one.number)


def _duration(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"
