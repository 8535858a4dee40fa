"""What has happened to the processes, for `lifesign events`, at a socket in the run directory.

Only the sidecar's own user can connect to it. Whoever connects is sent all of it, a line of JSON for each process, and
what a client sends is not read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys

import msgspec

from lifesign.judge.rundir import RunDirectory
from lifesign.serve.board import Board, ShownProcess
from lifesign.serve.shown.history import HistoryEntry

NAME = "history.sock"
SCHEMA = 1
_CLIENTS = 4  # at a time
_SENDING_S = 5.0


class Head(msgspec.Struct, frozen=True):
    """The first line: so many processes follow."""

    schema: int
    processes: int


class ProcessHistory(msgspec.Struct, frozen=True):
    """One process, with its entries, the newest first."""

    key: str
    pid: int
    service: str
    command: str
    entries: tuple[HistoryEntry, ...]


def address(directory: RunDirectory) -> str:
    """The socket in a run directory. Where that is deep, its path would be longer than that of a socket may be."""
    folder = f"/proc/self/fd/{directory.descriptor}" if sys.platform == "linux" else directory.path
    return os.path.join(folder, NAME)


class Histories:
    """Sends what is on a board to whoever asks, while the context lasts; without a place for a socket nobody can.

    The sidecar holds the directory's lock, so what is there was left by an earlier one.
    """

    def __init__(self, board: Board, directory: RunDirectory) -> None:
        self._board = board
        self._directory = directory
        self._server: asyncio.Server | None = None
        self._clients = 0

    async def __aenter__(self) -> None:
        with contextlib.ExitStack() as undone, contextlib.suppress(OSError):
            listener = undone.enter_context(socket.socket(socket.AF_UNIX))
            self._remove()
            listener.bind(address(self._directory))
            self._server = await asyncio.start_unix_server(self._answer, sock=listener)
            undone.pop_all()

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            self._remove()

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            os.unlink(NAME, dir_fd=self._directory.descriptor)

    async def _answer(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            if self._clients <= _CLIENTS:
                with contextlib.suppress(OSError, asyncio.TimeoutError):
                    await asyncio.wait_for(self._send(writer), _SENDING_S)
        finally:
            self._clients -= 1
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        shown = self._board.all_shown()
        writer.write(_line(Head(SCHEMA, len(shown))))
        for process in shown:
            writer.write(_line(_history(process)))
            await writer.drain()


def _line(content: msgspec.Struct) -> bytes:
    return msgspec.json.encode(content) + b"\n"


def _history(process: ShownProcess) -> ProcessHistory:
    seen = process.snapshot
    pid, service, command = (seen.pid, seen.service, seen.command) if seen is not None else (0, "", "")
    return ProcessHistory(process.key, pid, service, command, tuple(process.history.entries()))
