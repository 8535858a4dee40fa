"""The process above CMD and its sidecar: passes signals on, reaps, and ends with CMD's own status.

Nothing that happens to the sidecar, to the run directory or to this code may reach CMD.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from typing import Callable, Iterator, Mapping, NamedTuple, Sequence

from lifesign.cli.output.terminal import say
from lifesign.cli.supervise.sentinel import Sentinel
from lifesign.cli.supervise.sidecar_process import IGNORED_BY_PYTHON, SidecarProcess
from lifesign.cli.supervise.signals import ENDING, Signals, Taken
from lifesign.errors import EXIT_CANNOT_EXECUTE, EXIT_NOT_FOUND, EXIT_OK, EXIT_SIGNAL_BASE, CommandError
from lifesign.wire.runfile import RunFile

_STRAGGLERS = 0.5  # seconds
_LOOK = 0.02  # seconds between two polls for them
_AGAIN = 0.005  # seconds until the second poll where the first found nobody


class Beside(NamedTuple):
    """The run directory, and the sidecar to run beside CMD, None to go without one.

    `patience` is how many seconds it may take to end. `left_behind` says who lives on that was started under CMD:
    the sidecar stays with them. It `lingers` where it keeps its page up after an ill end, until a signal ends that.
    """

    command: list[str] | None
    environ: Mapping[str, str]
    directory: str
    patience: float
    left_behind: Callable[[], Sequence[int]] = tuple
    lingers: bool = False


class Supervisor:
    """Starts one CMD with its sidecar, and attends both until CMD has ended.

    Args:
        command: program and arguments, the program looked up in PATH.
        environ: the environment of CMD.
        beside: the run directory and the sidecar, None to go without either.
        ends_process: whether this process ends with CMD: no signal of the terminal changes its status any more then.

    Attributes:
        beside: as it was given.
        pid: of CMD.
        code: how CMD ended, below 0 by a signal; None while it runs.
        asked: the newest terminating signal that came from outside.
        unread: whether the sidecar ended without having exported all that CMD wrote.
        left_behind: the processes that live on, with which the sidecar stays.
    """

    def __init__(
        self, command: list[str], environ: Mapping[str, str], beside: Beside | None, *, ends_process: bool = False
    ) -> None:
        self.pid = 0
        self.code: int | None = None
        self.asked: signal.Signals | None = None
        self.unread = False
        self.left_behind: Sequence[int] = ()
        self._command = command
        self._environ = environ
        self.beside = beside
        self._signals = Signals(for_good=ends_process)
        self._run_file: RunFile | None = None
        self._sidecar: SidecarProcess | None = None
        self._sentinel: Sentinel | None = None

    def run(self) -> int:
        """Returns the exit status of CMD, 128+n where signal n ended it.

        Raises:
            CommandError: CMD could not be started.
        """
        with self.started():
            while self.code is None:
                self.attend()
            self.finish()
        return self.code if self.code >= 0 else EXIT_SIGNAL_BASE - self.code

    @contextlib.contextmanager
    def started(self) -> Iterator[None]:
        """CMD and its sidecar run; signals are ours as long as the context lasts. Raises as `run`."""
        _fill_standard_descriptors()
        with self._signals:
            self.pid = self._spawn()
            with _spared("a signal to all of a process group may reach CMD twice"):
                self._sentinel = Sentinel()
            with _spared("the sidecar is gone"):
                self._start_sidecar()
            try:
                yield
            finally:
                if self._sentinel is not None:
                    self._sentinel.close()

    def attend(self, at_most: float | None = None) -> None:
        """Waits for the next signal, `at_most` so many seconds, acts on it, and reaps who has ended."""
        due = self._tend()
        taken = self._signals.take(due if at_most is None else at_most if due is None else min(due, at_most))
        if taken is not None and taken.number != signal.SIGCHLD:
            self._pass_on(taken)
        self._reap()

    def end(self, number: signal.Signals) -> None:
        """Sends CMD a terminating signal; SIGKILL is no request, and is not recorded as one."""
        if self.code is None:
            if number in ENDING:
                self._note_asked(number)
            os.kill(self.pid, number)

    def note_end(self) -> None:
        """Tells the sidecar and every reader of the run directory how CMD ended; safe to call twice."""
        if self._run_file is not None and self.code is not None:
            with _spared("the sidecar will not know how CMD ended"):
                self._run_file.ended(self.code)

    def finish(self) -> None:
        """CMD has ended: so does its sidecar, as soon as it has flushed, unless somebody else lives on."""
        self.note_end()
        with _spared("the sidecar is left alone"):
            if self._sidecar is None or self.beside is None:
                return
            self.left_behind = self._wait_for_stragglers(self.beside.left_behind)
            if self.left_behind:
                self._sidecar.leave()
                return
            self._sidecar.end(lingers=self.beside.lingers)
            while self._sidecar.pid is not None:
                taken = self._signals.take(self._sidecar.tend())
                if taken is not None and taken.number in ENDING and self.beside.lingers:
                    self._sidecar.end()
                self._reap()
            self._sidecar.close()

    def _wait_for_stragglers(self, left_behind: Callable[[], Sequence[int]]) -> Sequence[int]:
        """Who lives on; helpers of CMD that end with it, such as multiprocessing's, need a moment for that."""
        if not left_behind():
            time.sleep(_AGAIN)
            if not left_behind():  # a daemon that was forking is in neither of its processes for a moment
                return ()
        until = time.monotonic() + _STRAGGLERS
        while (found := left_behind()) and time.monotonic() < until:
            self._signals.take(_LOOK)
            self._reap()
        return found

    def _spawn(self) -> int:
        program = self._command[0]
        mask, defaults = self._signals.mask, IGNORED_BY_PYTHON
        try:
            return os.posix_spawnp(program, self._command, self._environ, setsigmask=mask, setsigdef=defaults)
        except (FileNotFoundError, ValueError):  # ValueError: an empty name
            hint = "the full path, or check PATH" if os.sep not in program else "check the path and its #! line"
            raise CommandError(f"{program}: not found", hint, EXIT_NOT_FOUND) from None
        except OSError as error:
            if error.errno == errno.EPERM:  # a sandbox that knows no clone3; what may not be executed is EACCES
                return self._fork()
            if os.path.isdir(program):
                raise CommandError(
                    f"{program} is a folder", f"a program in it: {program}/...", EXIT_CANNOT_EXECUTE
                ) from None
            hint = f"chmod +x {program}" if isinstance(error, PermissionError) else "sh -c with the command in quotes"
            raise CommandError(f"{program}: {error.strerror}", hint, EXIT_CANNOT_EXECUTE) from None

    def _fork(self) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                for number in IGNORED_BY_PYTHON:
                    signal.signal(number, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_SETMASK, self._signals.mask)
                os.execvpe(self._command[0], self._command, dict(self._environ))  # noqa: S606
            finally:
                os._exit(EXIT_CANNOT_EXECUTE)
        return pid

    def _start_sidecar(self) -> None:
        if self.beside is None:
            return
        command, environ, directory, patience, *_ = self.beside
        self._run_file = RunFile(directory, self.pid)
        if command is not None:
            self._sidecar = SidecarProcess(command, environ, self._signals.mask, patience)

    def _tend(self) -> float | None:
        """Seconds until the sidecar wants to be tended again."""
        due = None
        if self._sidecar is not None:
            tended = False
            with _spared("the sidecar is gone"):
                due = self._sidecar.tend()
                tended = True
            if not tended:
                self._sidecar = None
        return due

    def _pass_on(self, taken: Taken) -> None:
        number = taken.number
        if number in ENDING and number not in self._signals.ignored:
            self._note_asked(number)
        try:
            # Twice would be wrong: uvicorn, for one, takes a second SIGINT for an order to drop everything.
            to_all = taken.to_group or (self._sentinel is not None and self._sentinel.saw(number))
            if not to_all or os.getpgid(self.pid) != os.getpgrp():
                os.kill(self.pid, number)
        except OSError as error:
            say(f"{number.name} could not be passed on to CMD: {error.strerror}")

    def _note_asked(self, number: signal.Signals) -> None:
        self.asked = number
        if self._run_file is not None:
            with _spared("the sidecar will not know that the end was asked for"):
                self._run_file.asked(number)

    def _reap(self) -> None:
        """Collects every child that ended: CMD, the sidecar, and what process 1 inherits."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            if pid == self.pid:
                self.code = code
            elif self._sentinel is not None and pid == self._sentinel.pid:
                self._sentinel.ended()
            elif self._sidecar is not None and pid == self._sidecar.pid:
                if self.code is None:
                    self._sidecar.fell(code)
                else:
                    self._sidecar.ended()
                    self.unread = code != EXIT_OK


@contextlib.contextmanager
def _spared(consequence: str) -> Iterator[None]:
    """An error inside is one line on standard error and goes no further."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, CMD must not pay for it
        say(f"{type(error).__name__}: {error}; {consequence}, CMD continues")


def _fill_standard_descriptors() -> None:
    """Opens what is closed of 0, 1 and 2, so that no pipe of ours lands there; CMD does not inherit it."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            return
