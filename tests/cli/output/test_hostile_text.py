"""Nothing that a main process says steers a terminal: dumps, the gate's drawing, the sidecar's log."""

from __future__ import annotations

import io
import logging
from random import Random
from typing import Any

from rich.console import Console

from lifesign.cli.gate import view
from lifesign.cli.query.request import Answer
from lifesign.cli.sidecar import own_process
from lifesign.judge.causes.findings import Dump
from lifesign.watch.records import InvalidRecordError, decode_record
from lifesign.watch.telemetry import CheckpointReading
from lifesign.wire import records, threads
from lifesign.wire.lane import encode
from support.fuzzing import hostile
from support.made.boards import snapshot
from support.made.dumps import piped
from support.rows import rows


def is_harmless(text: str) -> bool:
    return all(character == "\n" or character.isprintable() for character in text)


def valid(rng: Random, shape: Any) -> Any:
    """A record that the decoder lets through; a lone surrogate in it is what it would not."""
    while True:
        try:
            return decode_record(encode(hostile.value(rng, shape, wrong=0)))
        except InvalidRecordError:
            continue


@rows("seed", range(5))
def test_a_dump_on_the_terminal(seed: int) -> None:
    rng = Random(seed)
    groups = [valid(rng, records.TaskGroup) for _ in range(3)]
    dump = valid(rng, records.TaskDump)
    primitives = tuple(valid(rng, records.TaskPrimitive) for _ in range(2))
    standing = tuple(valid(rng, threads.ThreadGroup) for _ in range(3))
    executors = tuple(valid(rng, threads.ExecutorState) for _ in range(2))
    whole = Dump(dump, tuple(groups), primitives, standing, executors)
    stalls = tuple(valid(rng, records.Stall) for _ in range(seed % 3))
    shown = piped(Answer(dump, groups, whole, stalls), tree=seed % 2 == 1)
    assert is_harmless("\n".join(shown))


@rows("text", hostile.TEXTS)
def test_the_drawing_of_a_boot(text: str) -> None:
    checkpoint = CheckpointReading(text, None, 1, 2, text, None)
    out = io.StringIO()
    drawing = view.Drawing(Console(file=out, force_terminal=False, width=200), [text], 1.0)
    drawing.show([snapshot(command=text, checkpoints=(checkpoint,))])
    assert is_harmless(out.getvalue())


@rows("text", hostile.TEXTS)
def test_what_the_sidecar_says_on_standard_error(text: str) -> None:
    record = logging.LogRecord("lifesign", logging.WARNING, "", 0, "%s: %r", (text, text), None)
    assert is_harmless(own_process._Printable("%(message)s").format(record))
