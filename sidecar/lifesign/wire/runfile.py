"""``run.json``: what the supervisor writes about CMD for the sidecar.

One object in the run directory, replaced as a whole::

    {"pid": 4242, "asked": "SIGTERM" | null, "asked_at": 1234 | null, "exit_code": 0 | null, "signal": "SIGKILL" | null}

``asked`` is the newest terminating signal that came from outside, written before CMD gets to see it
wherever we are the one to pass it on, and ``asked_at`` when it came first, in monotonic nanoseconds;
``exit_code`` or ``signal`` says how CMD ended.
"""

from __future__ import annotations

import signal
import time

from lifesign.wire.folder import RUN_FILE, replace_file


class RunFile:
    """Writes the ``run.json`` of one CMD.

    Raises:
        OSError: from every method, where the run directory cannot be written any more.
    """

    def __init__(self, directory: str, pid: int) -> None:
        self._directory = directory
        self._content: dict[str, int | str | None] = {
            "pid": pid,
            "asked": None,
            "asked_at": None,
            "exit_code": None,
            "signal": None,
        }
        self._write()

    def asked(self, number: signal.Signals) -> None:
        """The end of CMD was asked for."""
        if number.name != self._content["asked"] or number == signal.SIGHUP:  # a reload is asked for anew each time
            self._content["asked_at"] = time.monotonic_ns()
        self._content["asked"] = number.name
        self._write()

    def ended(self, code: int) -> None:
        """CMD ended, with an exit code or, below 0, by a signal."""
        if code < 0:
            self._content["signal"] = signal_name(-code)
        else:
            self._content["exit_code"] = code
        self._write()

    def _write(self) -> None:
        replace_file(self._directory, RUN_FILE, self._content)


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9; real-time signals have no name of their own."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
