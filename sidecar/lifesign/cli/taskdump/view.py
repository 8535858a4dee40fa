"""What ``lifesign dump`` prints for a person: the groups in full, or the await tree."""

from __future__ import annotations

from typing import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from lifesign.cli.query.request import Answer
from lifesign.cli.taskdump.groups import hanging, listing
from lifesign.cli.taskdump.threads import threads
from lifesign.cli.taskdump.tree import trees
from lifesign.cli.taskdump.words import NAME_CHARACTERS, TEXT_CHARACTERS, counted, cut, number
from lifesign.judge import states
from lifesign.judge.causes.cause import causes
from lifesign.judge.causes.findings import Cause, Findings
from lifesign.watch.emit.dumps import finished_line
from lifesign.watch.sources import Source
from lifesign.wire.records import TaskDump

CAUSE_CHARACTERS = 1_000


def render(name: str, answer: Answer, source: Source) -> Group:
    """The groups in full, biggest first, and how tasks ended recently."""
    return Group(
        *_head(name, answer),
        *listing(answer.groups, source),
        *_foot(answer),
        *_finished(answer.dump),
        *threads(answer.whole, source),
    )


def render_tree(name: str, answer: Answer) -> Group:
    """The await tree, one line per group."""
    return Group(*_head(name, answer), Text(), *trees(answer.dump, answer.groups), *_foot(answer))


def causes_in(answer: Answer) -> list[Cause]:
    """What is wrong by the dump alone. A loop that does not turn is taken to be blocked, which the sidecar judges."""
    state = states.BLOCKED if answer.stalls else states.HEALTHY
    return causes(Findings(state, answer.whole, tuple(answer.stalls)))


def _head(name: str, answer: Answer) -> Iterator[RenderableType]:
    dump = answer.dump
    milliseconds = number((dump["end"] - dump["start"] + 500_000) // 1_000_000)
    yield Text(
        f"{cut(name, TEXT_CHARACTERS)}: {counted(dump['tasks'], 'task')} in {counted(dump['groups'], 'group')}, "
        f"taken in {milliseconds} ms ({cut(dump['reason'], NAME_CHARACTERS)})",
        "bold",
    )
    if any(group["looked"] < group["count"] for group in answer.groups):
        yield Text("of large groups only a sample of the tasks was looked at", "dim")
    for cause in causes_in(answer):
        yield Text(cut(cause.sentence, CAUSE_CHARACTERS), "bold red")
        yield from (hanging(Text(cut(line, CAUSE_CHARACTERS))) for line in cause.evidence)


def _foot(answer: Answer) -> Iterator[RenderableType]:
    """What is not shown: the smallest groups of many are not in the dump, and the ring may have lost some."""
    groups = answer.dump["groups"] - len(answer.groups)
    tasks = answer.dump["tasks"] - sum(group["count"] for group in answer.groups)
    if groups > 0:
        of = f" with {counted(tasks, 'task')}" if tasks > 0 else ""
        yield Text(f"\nand {counted(groups, 'more group')}{of}", "dim")


def _finished(dump: TaskDump) -> Iterator[RenderableType]:
    if dump["finished"]:
        yield Text("\nrecently finished", "bold")
    for kind in dump["finished"]:
        style = "red" if kind["outcome"].startswith("raised ") else ""
        yield hanging(Text(cut(finished_line(kind), 2 * TEXT_CHARACTERS), style))
