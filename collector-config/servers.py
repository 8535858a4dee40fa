"""The child processes of `stack.py`: start, wait until ready, watch, stop."""

from __future__ import annotations

import http.client
import os
import subprocess
import time
from pathlib import Path

START_TIMEOUT_S = 60.0


class StackError(Exception):
    """Why the stack cannot run, for the terminal."""


class Server:
    """A child of ours that Ctrl-C does not reach; it ends when we say so.

    Args:
        ready: `host:port/path` that answers 200 once it is up.
    """

    def __init__(self, name: str, command: list[str], ready: str, folder: Path, environ: dict[str, str]) -> None:
        self.name = name
        self._log = folder / f"{name.lower()}.log"
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **environ},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._ready = ready

    def wait_until_up(self) -> None:
        until = time.monotonic() + START_TIMEOUT_S
        while not answers(self._ready):
            self.check()
            if time.monotonic() > until:
                raise StackError(f"{self.name} does not answer at {self._ready}\n{self._last_lines()}")
            time.sleep(0.05)

    def check(self) -> None:
        """Raises StackError when it has ended."""
        if self._process.poll() is not None:
            raise StackError(f"{self.name} ended with status {self._process.returncode}\n{self._last_lines()}")

    def end(self) -> None:
        end(self._process)

    def _last_lines(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])


def answers(url: str) -> bool:
    address, _, path = url.partition("/")
    connection = http.client.HTTPConnection(address, timeout=2)
    try:
        connection.request("GET", f"/{path}")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def end(process: subprocess.Popen[bytes]) -> None:
    """Asks a child to end, and makes it."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
