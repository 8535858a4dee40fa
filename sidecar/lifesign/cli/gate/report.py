"""The reports of the gate for a pipeline: JSON for programs, JUnit XML for CI systems."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Sequence
from xml.etree import ElementTree

from lifesign import semconv
from lifesign.cli.gate.verdict import ALIVE, STALLED, Outcome
from lifesign.cli.output import program
from lifesign.cli.output.permissions import closed_to_others
from lifesign.cli.output.terminal import JSON_SCHEMA, printable
from lifesign.errors import LifesignError, UsageError
from lifesign.watch.telemetry import CheckpointReading, Snapshot
from lifesign.wire.records import TaskGroup

_WRITERS = (".json", ".xml")


def check(path: str) -> None:
    """Fails at once if the report could not be written at the end.

    Raises:
        UsageError: the name does not say the format, or its folder does not exist.
    """
    if Path(path).suffix not in _WRITERS:
        raise UsageError(f"--report {path}: is it JSON or JUnit XML?", "a name that ends in .json or .xml")
    if not Path(path).absolute().parent.is_dir():
        raise UsageError(f"--report {path}: there is no such folder", f"mkdir -p {Path(path).parent}")


def write(path: str, command: Sequence[str], outcome: Outcome, groups: Sequence[TaskGroup]) -> None:
    """Writes the report; the suffix of its name is the format.

    Args:
        groups: of the task dump of a stall, biggest first.

    Raises:
        LifesignError: it cannot be written.
    """
    text = _json(command, outcome, groups) if path.endswith(".json") else _junit(outcome)
    try:
        with closed_to_others():
            Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise LifesignError(f"the report {path} cannot be written: {error.strerror}", "another --report") from None


def _json(command: Sequence[str], outcome: Outcome, groups: Sequence[TaskGroup]) -> str:
    process = outcome.process
    at = process.stopped_at() if process is not None and process.boot != "complete" else None
    content: dict[str, Any] = {
        "schema": JSON_SCHEMA,
        "verdict": outcome.verdict,
        "exit_code": outcome.exit_code,
        "why": outcome.why,
        "command": program.shown(command),
        "service": process.service if process is not None else None,
        "trace": process.boot_trace if process is not None else None,
        "stopped_at": at.name if at is not None else None,
        "boot_seconds": process.boot_duration if process is not None else None,
        "missing": list(process.boot_missing) if process is not None else [],
        "checkpoints": _checkpoints(process) if process is not None else [],
        "postconditions": [
            {"name": one.name, "passed": one.passed, "critical": one.critical, "why": one.reason}
            for one in (process.postconditions if process is not None else ())
        ],
        "task_groups": [dict(group) for group in groups],
    }
    return json.dumps(content, indent=2) + "\n"


def _checkpoints(process: Snapshot) -> list[dict[str, Any]]:
    began = min((one.start for one in process.checkpoints), default=0)
    return [
        {
            "name": one.name,
            "number": one.number,
            "total": one.total,
            "at_seconds": (one.start - began) / 1e9,
            "seconds": None if one.end is None else (one.end - one.start) / 1e9,
            "error": one.error,
        }
        for one in process.checkpoints
    ]


def _junit(outcome: Outcome) -> str:
    process = outcome.process
    suite = ElementTree.Element("testsuite", name="lifesign smoke")
    for one in process.checkpoints if process is not None else ():
        # The boot as a whole is a separate case, below.
        if one.name not in (semconv.CHECKPOINT_TIMED_OUT, semconv.CHECKPOINT_COMPLETE):
            _case(suite, f"checkpoint {one.name}", _seconds(one), _fault(one))
    for check in process.postconditions if process is not None else ():
        # A warning is reported, and fails nothing.
        _case(suite, f"post-condition {check.name}", 0.0, check.reason if check.critical and not check.passed else None)
    kind = "error" if outcome.verdict == STALLED else "failure"
    duration = (process.boot_duration if process is not None else None) or 0.0
    _case(suite, "alive", duration, None if outcome.verdict == ALIVE else outcome.why, kind)
    for name in ("failure", "error"):
        suite.set(f"{name}s", str(len(suite.findall(f"testcase/{name}"))))
    suite.set("tests", str(len(suite)))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, name: str, seconds: float, fault: str | None, kind: str = "failure") -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname="lifesign.smoke", name=printable(name), time=f"{seconds:.3f}"
    )
    if fault is not None:
        ElementTree.SubElement(case, kind, message=printable(fault)).text = printable(fault)


def _seconds(one: CheckpointReading) -> float:
    return 0.0 if one.end is None else (one.end - one.start) / 1e9


def _fault(one: CheckpointReading) -> str | None:
    return "not finished" if one.end is None else one.error
