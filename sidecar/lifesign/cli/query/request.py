"""Asking a main process for something, beside any sidecar: nobody's place in the ring moves."""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from functools import partial
from typing import Callable, Iterator, NamedTuple, TypeVar

from lifesign.cli.options import arguments
from lifesign.cli.supervise import rundirectory
from lifesign.errors import NotAnsweredError, NotWatchedError, RunDirectoryError, SettingError, UsageError
from lifesign.judge.rundir import RunDirectory
from lifesign.watch import decode
from lifesign.wire import layout
from lifesign.wire.folder import Folder, PulseError
from lifesign.wire.reader import PulseReader
from lifesign.wire.records import PostconditionReport, TaskDump, TaskGroup

T = TypeVar("T")
_POLL = 0.05  # seconds


class Process(NamedTuple):
    """A living watched process and the reader of its pulse."""

    pid: int
    reader: PulseReader
    folder: Folder

    def close(self) -> None:
        self.reader.close()
        self.folder.close()


class Answer(NamedTuple):
    """A task dump and the groups of it that were read, biggest first."""

    dump: TaskDump
    groups: list[TaskGroup]


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


def choose(directory: str, pid: int | None) -> Process:
    """The living process `pid` of a run directory, or its only one.

    Raises:
        NotWatchedError: there is none.
        UsageError: there are several to choose from.
    """
    with contextlib.closing(RunDirectory(directory)) as run:
        looked = map(partial(_living, run), run.names())
        living = [process for process in looked if process is not None]
    chosen = [process for process in living if pid is None or process.pid == pid]
    for process in living:
        if process not in chosen or len(chosen) > 1:
            process.close()
    if len(chosen) == 1:
        return chosen[0]
    pids = ", ".join(str(process.pid) for process in living)
    if chosen:
        raise UsageError(f"there are {len(chosen)} watched processes in {directory}", f"name one of {pids}")
    what = "no living process" if pid is None else f"no living process {pid}"
    raise NotWatchedError(f"{what} is watched in {directory}", f"one of {pids}" if living else "lifesign status")


def ask(reader: PulseReader, timeout: float) -> Answer | None:
    """Asks for a task dump; None where there is no answer within `timeout` seconds.

    Raises:
        OSError: we may not ask this process.
    """
    groups: dict[str, list[TaskGroup]] = {}
    for request, record in _answers(reader, layout.REQUEST_DUMP, timeout):
        if record["kind"] == "task_group":
            groups.setdefault(record["dump"], []).append(record)
        elif record["kind"] == "task_dump" and record["request"] >= request:
            return Answer(record, groups.get(record["id"], []))
    return None


def ask_checks(reader: PulseReader, timeout: float) -> PostconditionReport | None:
    """Asks for a run of the post-conditions; otherwise as `ask`."""
    for request, record in _answers(reader, layout.REQUEST_CHECKS, timeout):
        if record["kind"] == "postconditions" and record["request"] >= request:
            return record
    return None


def _answers(reader: PulseReader, word: int, timeout: float) -> Iterator[tuple[int, decode.Record]]:
    """Asks, and gives what comes into the ring after that, each record with the number of our request."""
    position, sequence = _end_of_ring(reader)
    request = reader.request(word)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        time.sleep(_POLL)
        read = reader.ring(position, sequence)
        position, sequence = read.position, read.sequence
        for item in read.records:
            with contextlib.suppress(decode.InvalidRecordError):
                yield request, decode.record(item.payload)


def _end_of_ring(reader: PulseReader) -> tuple[int, int]:
    read = reader.ring()
    return read.position, read.sequence


def _living(run: RunDirectory, key: str) -> Process | None:
    with contextlib.ExitStack() as opened, contextlib.suppress(OSError, PulseError):
        folder = run.open(key)
        opened.callback(folder.close)
        if folder.is_alive():
            process = Process(int(key.partition("-")[0]), PulseReader(folder.descriptor), folder)
            opened.pop_all()
            return process
    return None
