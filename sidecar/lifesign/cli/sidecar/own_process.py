"""The sidecar's own process: its log, its output, its memory, its limit of open files."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import resource
import signal
import sys

from lifesign.cli.output.terminal import printable
from lifesign.cli.supervise.signals import FORWARDED

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's malloc.h
_DESCRIPTORS = 4096  # enough for a thousand watched processes


class _Printable(logging.Formatter):
    """A message may quote the main process, which must not control a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(printable, super().format(record).split("\n")))


def log_to_standard_error(level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Printable("%(message)s"))
    logging.basicConfig(level=level, handlers=[handler])


def let_go_of_output() -> None:
    """Whoever reads what CMD wrote waits for the end of it, and that was with CMD and the supervisor."""
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(null, descriptor)
        os.close(null)


def share_one_arena() -> None:
    """Keeps glibc from giving each thread an arena of its own, of which little is used."""
    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def raise_limit_of_files() -> None:
    """Raises our own limit of open files, as far as we may."""
    with contextlib.suppress(OSError, ValueError):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def leave_signals_to_cmd() -> None:
    """What is forwarded to CMD is none of ours, whoever sends it to all processes; SIGINT and SIGTERM have handlers.

    The supervisor starts us with all of them blocked, so that they cannot hit us before the handlers stand.
    """
    for number in FORWARDED - {signal.SIGINT, signal.SIGTERM}:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
