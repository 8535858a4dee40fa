"""Requests to main processes, independent of any sidecar: no reader's position in the ring changes."""

from __future__ import annotations

import argparse
import contextlib
import inspect
import os
import time
from typing import Callable, Generator, Iterator, NamedTuple, Sequence, TypeVar

from lifesign.cli.options import arguments
from lifesign.cli.output.progress import Progress
from lifesign.cli.output.terminal import complain
from lifesign.cli.query.target import Process, Wanted
from lifesign.errors import (
    EXIT_OK,
    LifesignError,
    NotAnsweredError,
    NotWatchedError,
    RunDirectoryError,
)
from lifesign.judge.causes.findings import Dump
from lifesign.judge.causes.newest_dump import NewestDump
from lifesign.watch.records import InvalidRecordError, Record, decode_record
from lifesign.wire import layout
from lifesign.wire.folder import PulseError
from lifesign.wire.reader import PulseReader
from lifesign.wire.records import PostconditionReport, Stall, TaskDump, TaskGroup

T = TypeVar("T")
_POLL = 0.05  # seconds
PER_TASK = 1e-4  # seconds that a dump may take, which is made slowly on purpose
DUMP_SECONDS_MAX = 10.0  # however many there are


class Answer(NamedTuple):
    """A task dump and the groups of it that were read, biggest first; `whole` has what else belongs to it.

    `stalls` says what blocks the loops that did not turn while it was asked for.
    """

    dump: TaskDump
    groups: list[TaskGroup]
    whole: Dump | None = None
    stalls: Sequence[Stall] = ()


def ask_all(
    processes: Sequence[Process],
    question: Callable[[PulseReader], Generator[T | None]],
    progress: Progress,
    what: str = "task dumps",
) -> dict[str, T | LifesignError]:
    """Asks all of them at the same time: the answers by the key of the process.

    Those that do not answer, such as a frozen one, are not in the result. Where the question could not even be asked,
    or the process ended before it answered, the error says that.

    Args:
        question: asks through a reader, and looks for the answer once at each step, as long as that is worth it.
        what: is waited for.
    """
    answers: dict[str, T | LifesignError] = {}
    asked = [(process, question(process.reader)) for process in processes]
    while asked:
        waiting = []
        for process, looks in asked:
            lived = process.lives()  # before: what it wrote last may be the answer
            answer = _next(process.pid, looks)
            if answer is None and not lived:
                answer = NotWatchedError(f"process {process.pid} has ended, or is watched no longer", "lifesign status")
            if answer is not None:
                answers[process.key] = answer
            elif inspect.getgeneratorstate(looks) != inspect.GEN_CLOSED:
                waiting.append((process, looks))
        asked = waiting
        if asked:
            progress.waits_for(f"{what} of {len(asked)} process{'es' * (len(asked) > 1)}")
            time.sleep(_POLL)
    return answers


def answers(
    args: argparse.Namespace,
    question: Callable[[PulseReader, float], Generator[T | None]],
    what: str,
    hint: str,
) -> tuple[list[tuple[Process, T]], int]:
    """Asks the processes that the arguments of `arguments.add_question` name; complains of those that do not answer.

    Returns each process, closed, with its answer, and an exit code: that of those that gave none.

    Args:
        question: asks through a reader, and looks for the answer for so many seconds.
        what: is waited for.
        hint: what to try where there is no answer.

    Raises:
        SettingError: the time to wait is none.
        LifesignError: none of them answers; see the code.
    """
    arguments.check_seconds("--timeout", args.timeout, "5")
    target = Wanted(args.which, arguments.given(args, os.environ).settings(os.environ), os.environ)
    with contextlib.ExitStack() as opened:
        processes = target.living()
        for process in processes:
            opened.callback(process.close)
        with Progress() as progress:
            found = ask_all(processes, lambda reader: question(reader, args.timeout), progress, what)
    given: list[tuple[Process, T]] = []
    errors: list[LifesignError] = []
    for process in processes:
        answer = found.get(process.key)
        if answer is None:
            errors.append(NotAnsweredError(f"process {process.pid} did not answer within {args.timeout:g} s", hint))
        elif isinstance(answer, LifesignError):
            errors.append(answer)
        else:
            given.append((process, answer))
    if not given:
        raise errors[0]
    for error in errors:
        complain(error)
    return given, max((error.exit_code for error in errors), default=EXIT_OK)


def _next(pid: int, looks: Generator[T | None]) -> T | LifesignError | None:
    """None where there is no answer yet, and where there will be none."""
    try:
        return next(looks, None)
    except PermissionError:
        user = "run it as the user that the main process runs as"
        return RunDirectoryError(f"you may not write to the pulse of process {pid}", user)
    except (OSError, PulseError) as error:
        return NotWatchedError(f"the pulse of process {pid} cannot be read: {error}", "lifesign status")


def dumps(reader: PulseReader, timeout: float, *, whole: bool = True) -> Generator[Answer | None]:
    """Requests a task dump, and looks for it once at each step: None until it is there.

    Args:
        timeout: how many seconds it is looked for.
        whole: longer where there are many tasks.
    """
    newest = NewestDump()
    stalls: dict[int, Stall] = {}
    for request, record in _answers(reader, layout.REQUEST_DUMP, timeout + (longer(reader) if whole else 0.0)):
        if record is None:
            yield None
            continue
        newest.add(record)
        if record["kind"] == "stall":
            stalls[record["loop"]] = record
        elif record["kind"] == "task_dump":
            dump = newest.end(record)
            if record["request"] >= request:
                yield Answer(record, list(dump.groups), dump, tuple(stalls.values()))


def longer(reader: PulseReader) -> float:
    """How many seconds more a dump of all the tasks of a process may take than one of a few."""
    return min(DUMP_SECONDS_MAX, PER_TASK * (_tasks(reader) or 0))


def _tasks(reader: PulseReader) -> int | None:
    """How many there are; None where that is not known."""
    with contextlib.suppress(OSError, PulseError):
        signs = reader.vitals().watchdog
        return None if signs is None else signs.tasks
    return None


def checks(reader: PulseReader, timeout: float) -> Generator[PostconditionReport | None]:
    """Requests a run of the post-conditions; otherwise as `dumps`."""
    for request, record in _answers(reader, layout.REQUEST_CHECKS, timeout):
        if record is None:
            yield None
        elif record["kind"] == "postconditions" and record["request"] >= request:
            yield record


def _answers(reader: PulseReader, word: int, timeout: float) -> Iterator[tuple[int, Record | None]]:
    """Asks, and gives what comes into the ring after that, each record with the number of our request.

    Where there is no more to read for the moment the record is None.
    """
    position, sequence = _end_of_ring(reader)
    request = reader.request(word)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        read = reader.ring(position, sequence)
        position, sequence = read.position, read.sequence
        for item in read.records:
            with contextlib.suppress(InvalidRecordError):
                yield request, decode_record(item.payload)
        yield request, None


def _end_of_ring(reader: PulseReader) -> tuple[int, int]:
    read = reader.ring()
    return read.position, read.sequence
