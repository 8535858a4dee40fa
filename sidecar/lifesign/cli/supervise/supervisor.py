"""The process above CMD and its sidecar: passes signals on, reaps, and ends with CMD's own status.

Nothing that happens to the sidecar, to the run directory or to this code may reach CMD.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Iterator, Mapping, NamedTuple

from lifesign.cli.output.terminal import say
from lifesign.cli.supervise.sidecar_process import IGNORED_BY_PYTHON, Sidecar
from lifesign.cli.supervise.signals import ENDING, Signals, Taken
from lifesign.errors import EXIT_CANNOT_EXECUTE, EXIT_NOT_FOUND, EXIT_OK, EXIT_SIGNAL_BASE, CommandError
from lifesign.wire.runfile import RunFile


class Beside(NamedTuple):
    """The run directory, and the sidecar to run beside CMD, None to go without one.

    `patience` is how many seconds it may take to end.
    """

    command: list[str] | None
    environ: Mapping[str, str]
    directory: str
    patience: float


class Supervisor:
    """Runs one CMD to its end.

    Args:
        command: program and arguments, the program looked up in PATH.
        environ: the environment of CMD.
        beside: the run directory and the sidecar, None to go without either.
    """

    def __init__(self, command: list[str], environ: Mapping[str, str], beside: Beside | None) -> None:
        self._command = command
        self._environ = environ
        self._beside = beside
        self._pid = 0
        self._code: int | None = None
        self._run_file: RunFile | None = None
        self._sidecar: Sidecar | None = None
        self.unread = False  # whether the sidecar ended without having told all that CMD wrote

    def run(self) -> int:
        """Returns the exit status of CMD, 128+n where signal n ended it.

        Raises:
            CommandError: CMD could not be started.
        """
        _fill_standard_descriptors()
        with Signals() as signals:
            self._pid = self._spawn(signals)
            with _spared("the sidecar is gone"):
                self._accompany(signals)
            while self._code is None:  # whatever broke above, CMD is still to be attended
                self._attend(signals, None)
            code = self._code
            with _spared("the sidecar is left alone"):
                self._finish(signals, code)
        return code if code >= 0 else EXIT_SIGNAL_BASE - code

    def _spawn(self, signals: Signals) -> int:
        program = self._command[0]
        try:
            return os.posix_spawnp(
                program, self._command, self._environ, setsigmask=signals.mask, setsigdef=IGNORED_BY_PYTHON
            )
        except (FileNotFoundError, ValueError):  # ValueError: an empty name
            hint = "the full path, or check PATH" if os.sep not in program else "check the path and its #! line"
            raise CommandError(f"{program}: not found", hint, EXIT_NOT_FOUND) from None
        except OSError as error:
            hint = f"chmod +x {program}" if isinstance(error, PermissionError) else "sh -c with the command in quotes"
            raise CommandError(f"{program}: {error.strerror}", hint, EXIT_CANNOT_EXECUTE) from None

    def _accompany(self, signals: Signals) -> None:
        self._start_sidecar(signals)
        while self._code is None and self._sidecar is not None:
            self._attend(signals, self._sidecar.tend())

    def _start_sidecar(self, signals: Signals) -> None:
        if self._beside is not None:
            self._run_file = RunFile(self._beside.directory, self._pid)
        if self._beside is not None and self._beside.command is not None:
            self._sidecar = Sidecar(self._beside.command, self._beside.environ, signals.mask, self._beside.patience)

    def _attend(self, signals: Signals, timeout: float | None) -> None:
        """Takes one signal and acts on it, and reaps."""
        taken = signals.take(timeout)
        if taken is not None and taken.number != signal.SIGCHLD:
            self._pass_on(taken, signals)
        self._reap()

    def _pass_on(self, taken: Taken, signals: Signals) -> None:
        number = taken.number
        if self._run_file is not None and number in ENDING and number not in signals.ignored:
            with _spared("the sidecar will not know that the end was asked for"):
                self._run_file.asked(number)
        try:
            # Twice would be wrong: uvicorn, for one, takes a second SIGINT for an order to drop everything.
            if not taken.to_group or os.getpgid(self._pid) != os.getpgrp():
                os.kill(self._pid, number)
        except OSError as error:
            say(f"{number.name} could not be passed on to CMD: {error.strerror}")

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
            if pid == self._pid:
                self._code = code
            elif self._sidecar is not None and pid == self._sidecar.pid:
                if self._code is None:
                    self._sidecar.fell(code)
                else:
                    self._sidecar.ended()
                    self.unread = code != EXIT_OK

    def _finish(self, signals: Signals, code: int) -> None:
        if self._run_file is not None:
            with _spared("the sidecar will not know how CMD ended"):
                self._run_file.ended(code)
        if self._sidecar is None:
            return
        self._sidecar.end()
        while self._sidecar.pid is not None:
            signals.take(self._sidecar.tend())
            self._reap()
        self._sidecar.close()


@contextlib.contextmanager
def _spared(consequence: str) -> Iterator[None]:
    """An error inside is said in one line and goes no further."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, CMD must not pay for it
        say(f"{type(error).__name__}: {error}; {consequence}, CMD goes on")


def _fill_standard_descriptors() -> None:
    """Opens what is closed of 0, 1 and 2, so that no pipe of ours lands there; CMD does not inherit it."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:
            os.close(descriptor)
            return
