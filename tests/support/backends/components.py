"""Real servers as child processes: waited for until they answer, and always ended."""

from __future__ import annotations

import http.client
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from support.waiting import eventually

Self = TypeVar("Self", bound="Component")
PATIENCE = 60.0  # seconds


class Component:
    """One server of the chain.

    Args:
        command: its command line.
        environ: what it needs beside the environment of the tests.
        ready: `host:port` and path that answer 200 once it is up.
        log: the file that takes what it says.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], ready: tuple[str, str], log: Path) -> None:
        self._command = list(command)
        self._environ = dict(environ)
        self._ready = ready
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                self._command, env={**os.environ, **self._environ}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        eventually(self._is_up, seconds=PATIENCE, every=0.02)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """Asks it to end, and waits."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    def kill(self) -> None:
        """Ends it without a word, as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def __enter__(self: Self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        return status_of(*self._ready) == 200


def status_of(address: str, path: str) -> int | None:
    """The status that a GET is answered with; None where nobody answers."""
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()
