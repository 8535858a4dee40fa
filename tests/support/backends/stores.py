"""Real Redis and Postgres servers, without passwords."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
from typing import Iterator

from support.backends.ports import free_port
from support.waiting import eventually

# Postgres will not run as root; Debian's package brings a user for it.
OWNER = "postgres" if os.geteuid() == 0 else None


@contextlib.contextmanager
def redis(program: str) -> Iterator[int]:
    """The port of a Redis that runs until the context ends."""
    port = free_port()
    with _serving([program, "--port", str(port), "--save", "", "--dir", "/tmp"], port, None):
        yield port


@contextlib.contextmanager
def postgres(programs: str) -> Iterator[int]:
    """The port of a Postgres that lets the user `ann` in.

    Args:
        programs: the folder of `initdb` and `postgres`.
    """
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        if OWNER:
            subprocess.run(["chown", OWNER, folder], check=True)
        made = [f"{programs}/initdb", "-D", f"{folder}/data", "-U", "ann", "--auth=trust", "-N"]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL, user=OWNER, cwd="/")
        port = free_port()
        command = [f"{programs}/postgres", "-D", f"{folder}/data", "-p", str(port), "-k", folder, "-F"]
        with _serving(command, port, OWNER):
            yield port


@contextlib.contextmanager
def _serving(command: list[str], port: int, user: str | None) -> Iterator[None]:
    with open(os.devnull, "wb") as nowhere:
        server = subprocess.Popen(command, stdout=nowhere, stderr=nowhere, user=user, cwd="/")

    def listens() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return True
        return False

    try:
        eventually(listens, 60.0, 0.05)
        yield
    finally:
        server.terminate()
        server.wait(30)
