"""How far the sidecar has read each pulse, kept across its own restarts.

A cursor is saved only when everything before it is durable, and in the background: the disk may be slow or hang, and
no poll waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import zlib
from typing import AbstractSet, Awaitable, Callable

import msgspec

from lifesign.off_loop import off_loop
from lifesign.watch.dead_letter import DeadLetters

_logger = logging.getLogger("lifesign.watch")
_BYTES_MAX = 1 << 20


class Cursor(msgspec.Struct):
    """Where to continue with one process. Everything before has been handed on for export.

    `ring` counts the records that the ring has lost so far, `dropped` those reported as lost, by reason. `ended` is
    why the process ended, once that was judged, and `released` is that of the verdict. `overdue` and `blocked` are the
    events and the loops whose illness was reported and goes on, see `watch.emit.episodes`.
    """

    boot_sequence: int = 0
    boot_exported: bool = False
    ring_position: int = 0
    ring_sequence: int = 0
    ring_missed: int = 0
    ring_invalid: int = 0
    ring_refused: int = 0
    dropped: dict[str, int] = {}
    state: str | None = None
    state_since: int = 0
    ended: str | None = None
    released: bool = False
    overdue: list[str] = []
    blocked: dict[int, tuple[int, int]] = {}


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """What a file of cursors holds; `crc` is the checksum of the cursors as they stand there."""

    crc: int
    cursors: msgspec.Raw


_NEW = Cursor()


async def _durable() -> bool:
    return True


class CursorStore:
    """The cursors by process folder, in one small file that is replaced as a whole, and the one before that.

    Args:
        path: the file; None keeps them in memory only.
        dead_letters: what could not be read; it is written at the same time.
        flush: waits until everything emitted so far is on disk; returns whether it would survive a kill.
    """

    def __init__(
        self, path: str | None, dead_letters: DeadLetters, flush: Callable[[], Awaitable[bool]] = _durable
    ) -> None:
        self._path = path
        self._dead_letters = dead_letters
        self._flush = flush
        self._saved = b""
        self._by_key: dict[str, Cursor] = {}
        self._taken = 0  # the number of the newest checkpoint, and the cursors as they were then
        self._content = b""
        self._saving: asyncio.Task[None] | None = None
        self.durable = 0  # the newest checkpoint of which everything would survive a kill
        if path is not None:
            self._load(path)

    def _load(self, path: str) -> None:
        """What was saved last, or else before that: the telemetry of one poll is then emitted again, with its ids."""
        for one in (path, _before(path)):
            with contextlib.suppress(OSError):
                with open(one, "rb") as file:
                    content = file.read(_BYTES_MAX)
                cursors = _decoded(content)
                if cursors is not None:
                    self._saved, self._by_key = content, cursors
                    return
                _logger.warning("lifesign: %s is damaged: pulses are read from where an older one says", one)

    def get(self, key: str) -> Cursor:
        """The cursor of a process folder; a new one starts at the beginning."""
        return self._by_key.setdefault(key, Cursor())

    def forget(self, key: str) -> None:
        self._by_key.pop(key, None)

    def keep(self, keys: AbstractSet[str]) -> None:
        """Forgets all but these, so that cursors of processes that are long gone do not pile up."""
        for key in self._by_key.keys() - keys:
            del self._by_key[key]

    @property
    def busy(self) -> bool:
        """Whether it is saving."""
        return self._saving is not None and not self._saving.done()

    @property
    def all_durable(self) -> bool:
        """Whether everything emitted would survive a kill."""
        return self.durable == self._taken

    def checkpoint(self) -> int:
        """Notes the cursors as they are, after everything before them was emitted; returns a number for `durable`."""
        self._taken += 1
        self._content = _encoded({key: one for key, one in self._by_key.items() if one != _NEW})
        if not self.busy:
            self._saving = asyncio.create_task(self._save(), name="lifesign-cursors")
        return self._taken

    async def wait(self, seconds: float) -> None:
        """Waits until it has saved what it can, but no longer than this."""
        if self._saving is not None:
            done, _ = await asyncio.wait([self._saving], timeout=seconds)
            for task in done:
                task.result()

    async def _save(self) -> None:
        while self.durable < self._taken:
            number, content = self._taken, self._content
            if not await self._flush():
                return  # the next checkpoint is another try
            if self._dead_letters.waiting or self._is_new(content):  # no thread for each idle poll
                await off_loop(self._write, content)
            self.durable = number

    def _is_new(self, content: bytes) -> bool:
        return self._path is not None and content != self._saved

    def _write(self, content: bytes) -> None:
        self._dead_letters.write()
        if self._path is None or not self._is_new(content):
            return
        unfinished = f"{self._path}.new"
        try:
            with open(unfinished, "wb") as file:
                file.write(content)
            with contextlib.suppress(FileNotFoundError):
                os.replace(self._path, _before(self._path))
            os.replace(unfinished, self._path)
        except OSError as error:  # a restarted sidecar may then emit some things twice, with the same ids
            _logger.debug("lifesign: the cursors could not be saved: %s", error)
        else:
            self._saved = content


def _before(path: str) -> str:
    return f"{path}.old"


def _encoded(cursors: dict[str, Cursor]) -> bytes:
    content = msgspec.json.encode(cursors)
    return msgspec.json.encode(_File(zlib.crc32(content), msgspec.Raw(content)))


def _decoded(content: bytes) -> dict[str, Cursor] | None:
    """None where it is not what was written."""
    try:
        file = msgspec.json.decode(content, type=_File)
        is_whole = zlib.crc32(bytes(file.cursors)) == file.crc
        return msgspec.json.decode(file.cursors, type=dict[str, Cursor]) if is_whole else None
    except (ValueError, RecursionError):  # what is no UTF-8 is not even a DecodeError
        return None
