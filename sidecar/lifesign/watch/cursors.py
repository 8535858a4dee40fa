"""How far the sidecar has told each process's story, kept over its own restarts."""

from __future__ import annotations

import contextlib
import os
from typing import AbstractSet

import msgspec

_BYTES_MAX = 1 << 20


class Cursor(msgspec.Struct):
    """Where to go on with one process. What lies before has been handed on for export.

    `ring` counts what the ring has lost so far, `dropped` what was told of as lost, by reason.
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


_NEW = Cursor()


class Cursors:
    """The cursors by process folder, in one small file that is replaced as a whole.

    Args:
        path: the file; None keeps them in memory only.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._saved = b""
        self._by_key: dict[str, Cursor] = {}
        if path is not None:
            with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
                with open(path, "rb") as file:
                    self._saved = file.read(_BYTES_MAX)
                self._by_key = msgspec.json.decode(self._saved, type=dict[str, Cursor])

    def get(self, key: str) -> Cursor:
        """The cursor of a process folder; a new one starts at the beginning."""
        return self._by_key.setdefault(key, Cursor())

    def forget(self, key: str) -> None:
        self._by_key.pop(key, None)

    def keep(self, keys: AbstractSet[str]) -> None:
        """Forgets all but these, so that what an earlier life left of processes long gone does not pile up."""
        for key in self._by_key.keys() - keys:
            del self._by_key[key]

    def content(self) -> bytes:
        """All cursors as they are now."""
        return msgspec.json.encode({key: cursor for key, cursor in self._by_key.items() if cursor != _NEW})

    def are_saved(self, content: bytes) -> bool:
        """Whether `content` is what stands in the file, or there is no file."""
        return self._path is None or content == self._saved

    def save(self, content: bytes) -> None:
        """Writes the file, if `content` is new. Blocks.

        Raises:
            OSError: it cannot be written; a restarted sidecar may then tell some things twice.
        """
        if self._path is None or self.are_saved(content):
            return
        unfinished = f"{self._path}.new"
        with open(unfinished, "wb") as file:
            file.write(content)
        os.replace(unfinished, self._path)
        self._saved = content
