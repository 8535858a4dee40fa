"""What `--json` prints is in docs/json.md, field by field, and what that page shows is what is printed."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lifesign.cli import dump, stalls, why
from lifesign.cli.examine.problem import Problem
from lifesign.cli.examine.values import Value
from lifesign.cli.gate import report
from lifesign.cli.gate.verdict import Outcome
from lifesign.cli.output import terminal
from lifesign.cli.past.events import to_json as event_to_json
from lifesign.cli.past.happenings import Happening
from lifesign.cli.processes.details import to_json
from lifesign.cli.shell.commands import COMMANDS
from lifesign.cli.shell.parser import command
from lifesign.serve.shown.postmortem import PostMortem
from lifesign.watch.telemetry import (
    BusyReading,
    CauseReading,
    CheckpointReading,
    DryRunReading,
    EventReading,
    MemoryReading,
    PostconditionReading,
    StallReading,
    UsageReading,
)
from lifesign.wire.records import PostconditionReport, Stall, TaskDump, TaskGroup, TaskPrimitive
from lifesign.wire.threads import ExecutorState, ThreadGroup
from support.documented.blocks import blocks
from support.made.boards import snapshot
from support.made.dumps import answer, group
from support.paths import DOCS

PAGE = (DOCS / "json.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## .*?\{#(\w+)\}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
COUNTED = Happening(0, "k", 1, "s", "e", 9, "t", "x")
FULL = snapshot(
    causes=(CauseReading("word", "sentence", "f", "f.py", 1, ("seen",)),),
    stalls=(StallReading(1, "call"),),
    busy=(BusyReading(0, 0, 1.0, 1, 1),),
)
OUTCOME = Outcome(
    "stalled",
    2,
    "late",
    snapshot(
        checkpoints=(CheckpointReading("a", 1, 0, 1, None, 8),),
        postconditions=(PostconditionReading("db", passed=True, critical=True, reason=""),),
    ),
)
# What is printed, as it is made, and the types that have more than what stands there.
PRINTED: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "processes": (
        [to_json(FULL), {"cpu": 0, "delay": 0}],
        (CheckpointReading, DryRunReading, EventReading, MemoryReading, PostconditionReading, UsageReading),
    ),
    "why": (why.to_json(FULL), (CauseReading,)),
    "stalls": (stalls.to_json(FULL), (StallReading, BusyReading)),
    "dump": (
        dump.to_json(1, answer(group(0, 3, "render"))),
        (TaskDump, TaskGroup, TaskPrimitive, ThreadGroup, ExecutorState, Stall),
    ),
    "check": ({"pid": 1, "report": {}}, (PostconditionReport,)),
    "events": ({"sidecar": True, "events": [event_to_json(COUNTED)]}, ()),
    "last": (dict.fromkeys(("file", "process", "resource", "stack", "history", "tasks"), 0), (PostMortem,)),
    "doctor": ({"settings": [], "passed": [], "problems": []}, (Value, Problem)),
    "smoke": (json.loads(report._json(["shop"], OUTCOME, [])), ()),
}


def names(content: Any) -> Iterator[str]:
    """The names of all fields, but those that are the user's own names or have a section of their own."""
    if isinstance(content, dict):
        for name, inner in content.items():
            yield name
            if name not in ("dropped", "states", "types", "causes", "stalls", "busy", "task_groups", "resource"):
                yield from names(inner)
    elif isinstance(content, (list, tuple)):
        for inner in content:
            yield from names(inner)


def fields(kind: Any) -> Iterator[str]:
    """The names of all fields of a type, and of those in them."""
    if isinstance(kind, type) and (
        issubclass(kind, msgspec.Struct) or typing.is_typeddict(kind) or hasattr(kind, "_fields")
    ):
        for name, inner in typing.get_type_hints(kind).items():
            yield name
            if kind is not PostMortem:  # what is in these is of other sections and pages
                yield from fields(inner)
    else:
        for inner in typing.get_args(kind):
            yield from fields(inner)


@pytest.mark.parametrize("section", PRINTED)
def test_every_field_is_documented(section: str) -> None:
    content, kinds = PRINTED[section]
    printed = {*names(content), *(name for kind in kinds for name in fields(kind))} - {"schema"}
    assert [name for name in sorted(printed) if f"`{name}`" not in SECTIONS[section]] == []


def test_every_command_with_json_has_a_section() -> None:
    has_json = {
        name for name in COMMANDS if any("--json" in action.option_strings for action in command(name)[0]._actions)
    }
    named = set(re.findall(r"`(\w+)`", PAGE.partition("print one JSON object")[0].partition("\n")[2]))
    assert has_json == named
    assert has_json - {"status", "top"} | {"processes", "smoke"} == set(SECTIONS)


def test_the_examples_have_the_fields_that_are_printed() -> None:
    printed = {"why": why.to_json(FULL), "stalls": stalls.to_json(FULL)}
    shown = [
        json.loads(block.content) for block in blocks() if (block.page, block.language) == ("docs/json.md", "json")
    ]
    assert len(shown) == len(printed)
    for example, real in zip(shown, printed.values(), strict=True):
        assert example["schema"] == terminal.JSON_SCHEMA
        (process,) = example["processes"]
        assert process.keys() == real.keys()
        for inner in ("causes", "stalls"):
            for item in process.get(inner, ()):
                assert item.keys() == msgspec.to_builtins(real[inner][0]).keys()


def test_json_is_printed_with_its_schema(cli: Callable[..., Any], main: Callable[..., Any], run: Path) -> None:
    main()
    for name in ("status", "events"):
        assert json.loads(cli(name, "--json", "--dir", str(run)).out)["schema"] == terminal.JSON_SCHEMA, name
