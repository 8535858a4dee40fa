"""A process explained: its verdict, the causes below it, and what shows them."""

from __future__ import annotations

from typing import Iterator

from rich.text import Text

from lifesign.cli.output.terminal import printable
from lifesign.cli.processes.details import late_checkpoints, looked
from lifesign.cli.processes.table import STYLES
from lifesign.cli.query.request import Answer
from lifesign.cli.taskdump.words import counted, head, waited
from lifesign.judge.causes.cause import suspects
from lifesign.watch.telemetry import Snapshot

_STOPPED = "stopped by a signal"  # what a verdict ends in
GROUPS_MAX = 5  # that are shown where no cause is
ILL = frozenset(("silent", "degraded", "blocked", "frozen", "dead"))


def lines(snapshot: Snapshot, answer: Answer | None = None, no_stacks: str = "") -> Iterator[Text]:
    """The verdict, the causes below it, and below each what else was seen.

    Where there is no cause to show it says what was looked at: the biggest groups of the dump; or why there are
    `no_stacks` of a frozen process.
    """
    said_below = any(cause.sentence == snapshot.why for cause in snapshot.causes)
    yield Text.assemble(
        (f"{printable(snapshot.command)} {snapshot.pid}  ", "bold"),
        (printable(snapshot.state), STYLES.get(snapshot.state, "") if snapshot.state in ILL else "green"),
        (printable("".join(f", {condition}" for condition in snapshot.conditions)), "yellow"),
        "" if said_below else f": {printable(snapshot.why)}",
    )
    for cause in snapshot.causes:
        yield Text(f"  {printable(cause.sentence)}", "bold")
        yield from (Text(f"    {printable(line)}") for line in cause.evidence)
    yield from (Text(f"  {line}", "dim") for line in looked(snapshot))
    yield from (Text(f"  {printable(line)}", "yellow") for line in late_checkpoints(snapshot))
    if not snapshot.causes:
        yield from (Text(line, "dim") for line in _without_cause(snapshot, answer, no_stacks))


def _without_cause(snapshot: Snapshot, answer: Answer | None, no_stacks: str) -> Iterator[str]:
    if snapshot.state == "healthy" and not any(event.deadline for event in snapshot.events):
        yield "  nothing is known to be wrong; promise an event (LIFESIGN_EVENTS=order=30s) to hear when it stops"
        found = suspects(answer.whole) if answer is not None and answer.whole is not None else []
        if found:
            yield "  if it does not do what it should, this may be why:"
            yield from (f"    {printable(cause.sentence)}" for cause in found[:GROUPS_MAX])
    if snapshot.state not in ILL:
        return
    if no_stacks:
        yield f"  no cause is known: its stacks cannot be had, {no_stacks}"
    elif snapshot.why.endswith(_STOPPED):
        yield f"  it runs on after: kill -CONT {snapshot.pid}"
    elif snapshot.state in ("frozen", "dead"):
        yield "  no cause is known: it left no evidence; lifesign status and the last log records say what was seen"
    elif answer is None:
        yield "  no cause was found, and it did not answer a request for a task dump"
    else:
        yield f"  no cause was found among its {counted(answer.dump['tasks'], 'task')} (lifesign dump has more):"
        for group in answer.groups[:GROUPS_MAX]:
            yield f"    {', '.join(filter(None, (head(group), waited(group))))}"
