"""Ports for servers that are given theirs from outside."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading

# Below those that the kernel gives to clients: one of these would have it before the server does. Each process of the
# tests begins at another one, and none is given twice.
_FIRST, _NUMBER = 20_000, 12_000
_next = itertools.count(os.getpid() * 1009)
_choosing = threading.Lock()


def free_port() -> int:
    """A port that nothing listens at."""
    with _choosing:
        while True:
            port = _FIRST + next(_next) % _NUMBER
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
                return port


def free_addresses(number: int, host: str = "127.0.0.1") -> list[str]:
    """Addresses of this machine, loopback ones by default, that nothing listens at."""
    return [f"{host}:{free_port()}" for _ in range(number)]
