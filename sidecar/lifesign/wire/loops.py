"""Vital signs as the main process writes them, and the files for more event loops than a pulse has room for."""

from __future__ import annotations

import contextlib
import os
import struct
import zlib

from lifesign.wire import layout
from lifesign.wire.mapping import MappedFile

_WORD = layout.WORD
_COPY = layout.COPY_WORDS * _WORD
_SIGNS_MAX = layout.COPY_WORDS - 2

_packed = [
    struct.Struct(f"<{1 + n}Q{(_SIGNS_MAX - n) * _WORD}x").pack for n in range(_SIGNS_MAX + 1)
]  # by their number
_checksum = struct.Struct("<Q").pack


class SlotWriter:
    """Vital signs in two alternating copies."""

    def __init__(self, content: memoryview, offset: int) -> None:
        self._copies = [content[offset + i * _COPY : offset + (i + 1) * _COPY] for i in (0, 1)]
        self._sequence = 0

    def write(self, *signs: int) -> None:
        """Replaces the signs, at most 14 words; it makes up a copy first and stores it as a whole."""
        self._sequence = sequence = self._sequence + 1
        signed = _packed[len(signs)](sequence, *signs)
        self._copies[sequence & 1][:] = signed + _checksum(zlib.crc32(signed))

    def release(self) -> None:
        for copy in self._copies:
            copy.release()


class LoopsFile:
    """One of the files beside a pulse; see `wire.layout`.

    Args:
        path: the file, which must not exist.
        mode: permission bits of the file.

    Raises:
        OSError: the file cannot be made or the volume is full. Nothing is left behind.
    """

    def __init__(self, path: str, mode: int) -> None:
        try:
            self._file = MappedFile(path, layout.LOOPS_FILE_SIZE, mode)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        self._words = words = self._file.content.cast("Q")
        self.slots = [
            SlotWriter(self._file.content, layout.LOOPS_HEADER + index * layout.SLOT_SIZE)
            for index in range(layout.MORE_LOOPS)
        ]
        first = (layout.LOOPS_HEADER + layout.MORE_LOOPS * layout.SLOT_SIZE) // _WORD
        self.delays = [
            words[first + index * layout.DELAYS : first + (index + 1) * layout.DELAYS]
            for index in range(layout.MORE_LOOPS)
        ]
        words[1] = layout.LOOPS_VERSION
        words[2] = layout.MORE_LOOPS
        self._file.content[0:8] = layout.LOOPS_MAGIC

    def close(self) -> None:
        """Unmaps it, once its slots and delays are released; the file stays."""
        self._words.release()
        self._file.close()
