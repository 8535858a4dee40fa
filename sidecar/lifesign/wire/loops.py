"""Vital signs as the main process writes them, and the files for more event loops than a pulse has room for."""

from __future__ import annotations

import contextlib
import os
import struct
from zlib import crc32

from lifesign.wire import layout
from lifesign.wire.mapping import MappedFile

_WORD = layout.WORD
_COPY = layout.COPY_WORDS * _WORD
_SIGNS_MAX = layout.COPY_WORDS - 2

_packed = [
    struct.Struct(f"<{1 + n}Q{(_SIGNS_MAX - n) * _WORD}x").pack for n in range(_SIGNS_MAX + 1)
]  # by their number
_two = struct.Struct("<2Q").pack
_of_a_loop = struct.Struct(f"<Q16s4Q16s2Q{(_SIGNS_MAX - 10) * _WORD}x").pack


class _Copies:
    """Where vital signs stand: two alternating copies, each of them signs and then the word with their checksum.

    A reader believes a copy by its checksum, so it does not matter that the two parts are stored one after the other.
    """

    def __init__(self, content: memoryview, offset: int) -> None:
        both = [content[offset + i * _COPY : offset + (i + 1) * _COPY] for i in (0, 1)]
        self._signs = [copy[:-_WORD] for copy in both]
        self._checksums = [copy[-_WORD:].cast("Q") for copy in both]
        self._sequence = 0

    def release(self) -> None:
        for part in (*self._signs, *self._checksums):
            part.release()


class SlotWriter(_Copies):
    """Vital signs of any kind."""

    def write(self, *signs: int) -> None:
        """Replaces the signs, at most 14 words: they are made up first, and stored as a whole."""
        self._sequence = sequence = self._sequence + 1
        signed = _packed[len(signs)](sequence, *signs)
        self._signs[sequence & 1][:] = signed
        self._checksums[sequence & 1][0] = crc32(signed)


class LoopWriter(_Copies):
    """The vital signs of an event loop; `delays` is its ring of these."""

    def __init__(self, content: memoryview, offset: int, delays: memoryview) -> None:
        super().__init__(content, offset)
        self.delays = delays
        self._which = self._where = _two(0, 0)

    def begin(self, state: int, generation: int, thread: int, since_ns: int) -> None:
        """Says what is the same at many beats, for the next `write` on: it is packed once."""
        self._which, self._where = _two(state, generation), _two(thread, since_ns)

    def write(self, beats: int, wall_ns: int, mono_ns: int, delay_ns: int, cpu_ns: int = 0, waited_ns: int = 0) -> None:
        """As `SlotWriter.write`, at each beat and so for less."""
        self._sequence = sequence = self._sequence + 1
        signed = _of_a_loop(sequence, self._which, beats, wall_ns, mono_ns, delay_ns, self._where, cpu_ns, waited_ns)
        self._signs[sequence & 1][:] = signed
        self._checksums[sequence & 1][0] = crc32(signed)

    def release(self) -> None:
        super().release()
        self.delays.release()


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
        delays = layout.LOOPS_HEADER + layout.MORE_LOOPS * layout.SLOT_SIZE
        self.slots = loop_writers(self._file.content, words, layout.LOOPS_HEADER, delays, layout.MORE_LOOPS)
        words[1] = layout.LOOPS_VERSION
        words[2] = layout.MORE_LOOPS
        self._file.content[0:8] = layout.LOOPS_MAGIC

    def close(self) -> None:
        """Unmaps it, once its slots are released; the file stays."""
        self._words.release()
        self._file.close()


def loop_writers(content: memoryview, words: memoryview, slots: int, delays: int, count: int) -> list[LoopWriter]:
    """Of so many loops, whose slots and whose delay rings begin at these offsets; `words` is the content as words."""
    first = delays // _WORD
    rings = [words[first + index * layout.DELAYS : first + (index + 1) * layout.DELAYS] for index in range(count)]
    return [LoopWriter(content, slots + index * layout.SLOT_SIZE, ring) for index, ring in enumerate(rings)]
