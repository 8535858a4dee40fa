"""Vital signs as the main process writes them, and the files for more event loops than a pulse has room for."""

from __future__ import annotations

import contextlib
import os
import zlib

from lifesign.wire import layout
from lifesign.wire.mapping import MappedFile

_WORD = layout.WORD


class SlotWriter:
    """Vital signs in two alternating copies."""

    def __init__(self, words: memoryview, offset: int) -> None:
        first = offset // _WORD
        self._copies = [words[first + i * layout.COPY_WORDS : first + (i + 1) * layout.COPY_WORDS] for i in (0, 1)]
        self._sequence = 0

    def write(self, *signs: int) -> None:
        """Replaces the signs, at most 14 words."""
        self._sequence += 1
        copy = self._copies[self._sequence & 1]
        copy[0] = self._sequence
        for index, sign in enumerate(signs, 1):
            copy[index] = sign
        copy[15] = zlib.crc32(copy[0:15])

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
            SlotWriter(words, layout.LOOPS_HEADER + index * layout.SLOT_SIZE) for index in range(layout.MORE_LOOPS)
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
