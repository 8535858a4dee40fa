"""Requests to a main process, independent of any sidecar: no reader's position in the ring changes."""

from __future__ import annotations

import argparse
import contextlib
import inspect
import os
import time
from typing import Callable, Generator, Iterator, NamedTuple, Sequence, TypeVar

from lifesign.cli.options import arguments
from lifesign.cli.output.progress import Progress
from lifesign.cli.query.target import choose, living
from lifesign.cli.supervise import rundirectory
from lifesign.errors import NotAnsweredError, NotWatchedError, RunDirectoryError, SettingError
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


def answered(args: argparse.Namespace, question: Callable[[PulseReader, float], T | None], hint: str) -> tuple[int, T]:
    """Asks the process that the arguments of `arguments.add_question` name; its pid and its answer.

    Args:
        question: asks through a reader, and waits so many seconds; None where no answer came.
        hint: what to try then.

    Raises:
        SettingError: the time to wait is none.
        NotAnsweredError: it did not answer in time.
        NotWatchedError: its pulse cannot be read; or as `choose`.
        RunDirectoryError: it may not be written to.
    """
    if not args.timeout > 0:
        raise SettingError("--timeout wants a number of seconds above 0", "--timeout 5")
    directory = rundirectory.find(arguments.given(args, os.environ).settings(os.environ).dir)
    with contextlib.closing(choose(directory, args.pid)) as process:
        try:
            answer = question(process.reader, args.timeout)
        except PulseError as error:
            raise NotWatchedError(
                f"the pulse of process {process.pid} cannot be read: {error}", "lifesign status"
            ) from None
        except PermissionError:
            user = "the user that the main process runs as"
            raise RunDirectoryError(f"you may not write to the pulse of process {process.pid}", user) from None
    if answer is None:
        raise NotAnsweredError(f"process {process.pid} did not answer within {args.timeout:g} s", hint)
    return process.pid, answer


def ask(reader: PulseReader, timeout: float, progress: Progress | None = None) -> Answer | None:
    """Requests a task dump; None if there is no answer within `timeout` seconds, or longer where it has many tasks.

    Raises:
        OSError: we may not ask this process.
    """
    for answer in _dumps(reader, timeout + longer(reader)):
        if answer is not None:
            return answer
        if progress is not None:
            count = _tasks(reader)
            progress.waits_for(f"a dump of {'its' if count is None else count} tasks")
        time.sleep(_POLL)
    return None


def ask_all(
    directory: str,
    timeout: float,
    wanted: Callable[[int], bool],
    progress: Progress,
    *,
    whole: bool = True,
) -> dict[int, Answer]:
    """Has a task dump taken of each process that is wanted, by its pid, all at the same time.

    Those that do not answer, such as a frozen one, are not in the result.

    Args:
        whole: wait longer for those that have many tasks.
    """
    answers: dict[int, Answer] = {}
    with contextlib.ExitStack() as opened:
        asked: dict[int, Generator[Answer | None]] = {}
        for process in living(directory):
            opened.callback(process.close)
            if wanted(process.pid):
                asked[process.pid] = _dumps(process.reader, timeout + (longer(process.reader) if whole else 0.0))
        while asked:
            for pid, looks in list(asked.items()):
                answer = _next(looks)
                if answer is not None:
                    answers[pid] = answer
                if answer is not None or inspect.getgeneratorstate(looks) == inspect.GEN_CLOSED:
                    del asked[pid]
            if asked:
                progress.waits_for(f"task dumps of {len(asked)} process{'es' * (len(asked) > 1)}")
                time.sleep(_POLL)
    return answers


def _next(looks: Generator[Answer | None]) -> Answer | None:
    """None where there is no answer yet, and where there will be none."""
    with contextlib.suppress(OSError, PulseError):
        return next(looks, None)
    return None


def _dumps(reader: PulseReader, timeout: float) -> Generator[Answer | None]:
    """Requests a task dump, and looks for it once at each step: None until it is there."""
    newest = NewestDump()
    stalls: dict[int, Stall] = {}
    for request, record in _answers(reader, layout.REQUEST_DUMP, timeout):
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


def ask_checks(reader: PulseReader, timeout: float) -> PostconditionReport | None:
    """Requests a run of the post-conditions; otherwise as `ask`."""
    for request, record in _answers(reader, layout.REQUEST_CHECKS, timeout):
        if record is None:
            time.sleep(_POLL)
        elif record["kind"] == "postconditions" and record["request"] >= request:
            return record
    return None


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
