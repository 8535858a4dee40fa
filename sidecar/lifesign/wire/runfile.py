"""``run.json``: what the supervisor tells the sidecar about CMD.

One object in the run directory, replaced as a whole::

    {"pid": 4242, "asked": "SIGTERM" | null, "exit_code": 0 | null, "signal": "SIGKILL" | null}

``asked`` is the newest terminating signal that came from outside, written before CMD gets to see it
wherever we are the one to pass it on; ``exit_code`` or ``signal`` says how CMD ended.
"""

from __future__ import annotations

import json
import os
import signal

from lifesign.wire.folder import RUN_FILE


class RunFile:
    """Writes the ``run.json`` of one CMD.

    Raises:
        OSError: from every method, where the run directory cannot be written any more.
    """

    def __init__(self, directory: str, pid: int) -> None:
        self._path = os.path.join(directory, RUN_FILE)
        self._content: dict[str, int | str | None] = {"pid": pid, "asked": None, "exit_code": None, "signal": None}
        self._write()

    def asked(self, number: signal.Signals) -> None:
        """The end of CMD was asked for."""
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
        new = f"{self._path}.{os.getpid()}"
        with open(new, "w", encoding="ascii") as file:
            json.dump(self._content, file)
        os.replace(new, self._path)


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9; real-time signals have no name of their own."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
