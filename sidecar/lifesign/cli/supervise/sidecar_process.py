"""The supervisor's sidecar process: started beside CMD, restarted when it fails, ended with CMD."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from functools import partial
from typing import Mapping

from lifesign.cli.output.terminal import say
from lifesign.cli.supervise.signals import FORWARDED
from lifesign.errors import EXIT_USAGE
from lifesign.wire.runfile import signal_name

_BACK_OFF_FIRST = 0.5  # seconds
_BACK_OFF_MAX = 30.0
_STEADY = 60.0  # seconds; one that lived that long starts again at the first back-off
ASKED_TO_END = b"end\n"  # goes before SIGTERM, which somebody else may send to all processes of a service
_QUIET = 60.0  # seconds between two complaints

# Python ignores these two for itself; the processes that we start need the defaults.
IGNORED_BY_PYTHON = frozenset({signal.SIGPIPE, signal.SIGXFSZ})


class SidecarProcess:
    """A sidecar that is kept running.

    It is in a session of its own, so that no key on the terminal reaches it. Its standard input is a
    pipe that nobody else writes to and that ends when the supervisor does, however it does. It begins
    with the signals that we forward blocked and unblocks them when it can answer: a CMD that fails within the first
    moments is what one wants to hear about.

    Args:
        command: program and arguments.
        environ: its environment.
        mask: the signal mask it is to have, besides these.
        patience: seconds it may take to end.
    """

    def __init__(self, command: list[str], environ: Mapping[str, str], mask: set[int], patience: float) -> None:
        self.pid: int | None = None
        self._command = command
        self._environ = environ
        self._mask = mask
        self._patience = patience
        self._stdin, self._stdin_writer = os.pipe()
        self._started = 0.0
        self._due: float | None = 0.0  # when to start it, on the monotonic clock
        self._back_off = _BACK_OFF_FIRST
        self._complained = float("-inf")
        self._kill_at: float | None = None

    def tend(self) -> float | None:
        """Does what is due; returns the seconds until there is more to do, or None."""
        now = time.monotonic()
        if self._kill_at is not None and self.pid is not None and now >= self._kill_at:
            say("the sidecar did not end in time and was killed")
            self._send(signal.SIGKILL)
            self._kill_at = None
        if self._due is not None and now >= self._due:
            self._start(now)
        due = self._due if self._kill_at is None else self._kill_at
        return None if due is None else max(due - now, 0.0)

    def fell(self, code: int) -> None:
        """It ended while CMD still runs, with an exit code or, below 0, by a signal."""
        self.pid = None
        if code == EXIT_USAGE:
            say("the settings of the sidecar cannot be used; CMD continues without it")
            return
        how = f"was ended by {signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
        self._again(f"the sidecar {how}; CMD continues")

    def ended(self) -> None:
        """It ended when it was asked to."""
        self.pid = None

    def end(self, *, lingers: bool = False) -> None:
        """Asks it to finish; `tend` kills it when it takes too long.

        One that failed is started for that: the last records of CMD are still to be read.

        Args:
            lingers: it may stay while somebody looks at its page, until it is asked again.
        """
        if self._due is not None:
            self._start(time.monotonic())
        self._due = None
        with contextlib.suppress(OSError):
            os.write(self._stdin_writer, ASKED_TO_END)
        self._send(signal.SIGTERM)
        self._kill_at = None if lingers else time.monotonic() + self._patience

    def leave(self) -> None:
        """Lets it go on by itself: it watches until nobody of ours lives, as it does without a supervisor."""
        if self._due is not None:
            self._start(time.monotonic())
        self.close()

    def close(self) -> None:
        """Lets go of the pipe."""
        os.close(self._stdin)
        os.close(self._stdin_writer)

    def _start(self, now: float) -> None:
        self._due = None
        self._started = now
        try:
            self.pid = self._spawn()
        except OSError as error:
            self._again(f"the sidecar could not be started: {error.strerror}")

    def _again(self, what: str) -> None:
        now = time.monotonic()
        if now - self._started >= _STEADY:
            self._back_off = _BACK_OFF_FIRST
        self._due = now + self._back_off
        if now - self._complained >= _QUIET:
            self._complained = now
            say(f"{what}; restarting the sidecar in {self._back_off:g} s")
        self._back_off = min(2 * self._back_off, _BACK_OFF_MAX)

    def _spawn(self) -> int:
        actions = [
            (os.POSIX_SPAWN_DUP2, self._stdin, 0),
            (os.POSIX_SPAWN_DUP2, 2, 1),  # standard output belongs to CMD
            *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inheritable()),
        ]
        spawn = partial(
            os.posix_spawn,
            self._command[0],
            self._command,
            self._environ,
            file_actions=actions,
            setsigmask=self._mask | FORWARDED,
            setsigdef=FORWARDED | IGNORED_BY_PYTHON,
        )
        try:
            return spawn(setsid=True)
        except (NotImplementedError, OSError):  # a libc or a sandbox without it; a missing program fails once more
            return spawn(setpgroup=0)

    def _send(self, number: signal.Signals) -> None:
        if self.pid is not None:
            with contextlib.suppress(OSError):
                os.kill(self.pid, number)


def _inheritable() -> list[int]:
    """What CMD is to inherit from whoever started us, such as listening sockets; the sidecar must not hold it."""
    found = []
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.append(int(name))
    return found
