"""The main process's side of a pulse.

Nothing here makes a system call or releases the GIL once `PulseWriter` stands, so it may be called
on the event loop's path. Words are stored through a `memoryview` of unsigned 64-bit words: one
aligned store each, where `struct.pack_into` would write zeros first for a reader to see.
"""

from __future__ import annotations

import sys
import time
import zlib
from _thread import RLock  # not threading's, which gevent or eventlet may have put another in the place of
from itertools import count, repeat
from operator import setitem
from typing import Any, Callable, Iterator, Mapping, Tuple

from lifesign.wire import layout
from lifesign.wire.lane import LaneWriter, encode
from lifesign.wire.loops import LoopsFile, SlotWriter, loop_writers
from lifesign.wire.mapping import MappedFile

_WORD = layout.WORD
_DEADLINE_MAX_NS = (1 << 62) - 1  # what a reader believes
_Place = Tuple[memoryview, Callable[[], object]]  # the words behind a name, and what counts one more real event
_NEVER = -1  # what no clock shows
_store: Callable[..., None] = setitem  # it is overloaded
_UNNAMED = b"event"  # an event without a name, which would read as a free place


class PulseWriter:
    """A new pulse at `path`, allocated, mapped and written to; the caller renames it into place.

    Args:
        path: the file, which must not exist.
        identity: who the main process is (`wire.records.Identity`).
        ring_size: bytes of the ring's data; rounded to a page and kept within bounds.
        mode: permission bits of the file.

    Raises:
        OSError: the file cannot be made or the volume is full.
    """

    def __init__(self, path: str, identity: Mapping[str, Any], ring_size: int, mode: int = 0o600) -> None:
        ring_size = max(layout.RING_SIZE_MIN, min(ring_size, layout.RING_SIZE_MAX)) & ~4095
        size = layout.file_size(ring_size)
        self._file = MappedFile(path, size, mode)
        self._bytes = self._file.content
        self._words = self._bytes.cast("Q")
        self.lock = RLock()  # reentrant: a signal handler may call in while we write
        self._write_header(size, ring_size)
        self._write_block(layout.IDENTITY_OFFSET, identity)
        self.watchdog = SlotWriter(self._bytes, layout.WATCHDOG_OFFSET)
        self.usage = SlotWriter(self._bytes, layout.USAGE_OFFSET)
        self.garbage = SlotWriter(self._bytes, layout.GARBAGE_OFFSET)
        self.memory = SlotWriter(self._bytes, layout.MEMORY_OFFSET)
        self.loops = loop_writers(self._bytes, self._words, layout.LOOPS_OFFSET, layout.DELAYS_OFFSET, layout.LOOPS)
        self._more_loops: list[LoopsFile] = []
        self._asked = bytes(layout.REQUESTS_SIZE)  # the request block that was taken last
        self.events = EventTable(self._bytes, self._words, self.lock)
        self.boot = LaneWriter(self._bytes, layout.BOOT_OFFSET, layout.BOOT_SIZE, self.lock, wraps=False)
        self.ring = LaneWriter(self._bytes, layout.RING_OFFSET, layout.LANE_HEADER + ring_size, self.lock, wraps=True)

    def _write_header(self, size: int, ring_size: int) -> None:
        words = self._words
        words[1] = layout.VERSION
        words[2] = size
        words[3] = layout.BOOT_OFFSET
        words[4] = layout.BOOT_SIZE
        words[5] = layout.RING_OFFSET
        words[6] = layout.LANE_HEADER + ring_size
        self._bytes[0:8] = layout.MAGIC

    def _write_block(self, offset: int, content: Mapping[str, Any]) -> None:
        payload = encode(content, layout.BLOCK_SIZE - 2 * _WORD)
        if len(payload) > layout.BLOCK_SIZE - 2 * _WORD:
            raise ValueError(f"a block holds {layout.BLOCK_SIZE - 2 * _WORD} bytes, not {len(payload)}")
        start = offset + 2 * _WORD
        self._bytes[start : start + len(payload)] = payload
        self._words[offset // _WORD + 1] = zlib.crc32(payload)
        self._words[offset // _WORD] = len(payload)

    @property
    def loops_files(self) -> int:
        """How many files with more loops there are."""
        return len(self._more_loops)

    def add_loops(self, more: LoopsFile) -> None:
        """There is room for more event loops from now on."""
        self._more_loops.append(more)
        self.loops += more.slots

    def requests(self, word: int) -> int:
        """How often the sidecar asked for what this word of the request block stands for."""
        return self._words[layout.REQUESTS_OFFSET // _WORD + word]

    def take_requests(self, asked: bytes) -> None:
        """Copies the request block as the sidecar has written it; one that is cut short asks for nothing."""
        if asked != self._asked and len(asked) == layout.REQUESTS_SIZE:
            self._asked = asked
            start = layout.REQUESTS_OFFSET // _WORD
            for index, count in enumerate(memoryview(asked).cast("Q")):
                if count:
                    self._words[start + index] = count

    def write_tombstone(self, content: Mapping[str, Any]) -> None:
        """Says how the process ended (`wire.records.Tombstone`)."""
        self._write_block(layout.TOMBSTONE_OFFSET, content)

    def take_tombstone_back(self) -> None:
        """The process goes on to be watched."""
        self._words[layout.TOMBSTONE_OFFSET // _WORD] = 0

    def close(self) -> None:
        """Unmaps; the file stays. Writing afterwards raises ValueError."""
        for slot in (self.watchdog, self.usage, self.garbage, self.memory, *self.loops):
            slot.release()
        for more in self._more_loops:
            more.close()
        self.events.release()
        self.boot.release()
        self.ring.release()
        self._words.release()
        self._file.close()


class EventTable:
    """Named counters. The name past the last free place counts as ``other``."""

    def __init__(self, content: memoryview, words: memoryview, lock: RLock) -> None:
        self._bytes = content[layout.EVENTS_OFFSET : layout.EVENTS_OFFSET + layout.EVENTS * layout.EVENT_SIZE]
        self._words = self._bytes.cast("Q")
        self._lock = lock
        self._one_more: dict[str, Callable[[], object]] = {}  # by the name as it is given
        self._places: dict[bytes, _Place] = {}  # by the name as it is written: long ones may be the same then
        self.dry_run = False  # whether synthetic events stand in for real ones

    @property
    def total(self) -> int:
        """How many events were counted that are work, of all names."""
        with self._lock:
            counts = [(words[0], words[1]) for words, _ in self._places.values()]
        return sum(real + synthetic * self.dry_run for real, synthetic in counts)

    def count(self, name: str, synthetic: bool = False) -> None:
        """One more; exact under threads and in signal handlers."""
        if synthetic:
            self._count_synthetic(self._claim(name)[0])
            return
        try:
            one_more = self._one_more[name]
        except KeyError:
            one_more = self._claim(name)[1]
        one_more()

    def _count_synthetic(self, words: memoryview) -> None:
        with self._lock:
            words[1] += 1
            if self.dry_run:  # in any other process it must not hide that real work stays away
                words[5] = time.monotonic_ns()

    def real(self) -> int:
        """How many real events were counted, of all names."""
        with self._lock:
            return sum(words[0] for words, _ in self._places.values())

    def promise(self, name: str, deadline_ns: int) -> None:
        """Says that `name` is to come at least every `deadline_ns` nanoseconds."""
        self._claim(name)[0][4] = min(deadline_ns, _DEADLINE_MAX_NS)

    def _claim(self, name: str) -> _Place:
        raw = str(name).encode("utf-8", "replace")[: layout.EVENT_NAME_BYTES] or _UNNAMED
        with self._lock:
            if len(self._places) >= layout.EVENTS - 1 and raw not in self._places:
                name, raw = layout.EVENT_OVERFLOW, layout.EVENT_OVERFLOW.encode()
            place = self._places.get(raw)
            if place is None:
                start = len(self._places) * layout.EVENT_SIZE
                self._bytes[start + _WORD : start + _WORD + len(raw)] = raw
                self._words[start // _WORD] = len(raw)
                first = (start + _WORD + layout.EVENT_NAME_BYTES) // _WORD
                words = self._words[first : start // _WORD + layout.EVENT_SIZE // _WORD]
                place = self._places[raw] = words, _counter(words, self._lock)
            if len(self._one_more) < layout.EVENTS:  # endless new names must not grow our memory either
                self._one_more[name] = place[1]
            return place

    def release(self) -> None:
        for words, _ in self._places.values():
            words.release()
        self._words.release()
        self._bytes.release()


def _counter(words: memoryview, lock: RLock) -> Callable[[], object]:
    """What adds one to the first word and stores both times, at half the price of three lines between a lock's two.

    It is one call in C: under a GIL neither a thread nor a signal handler comes in between. A Python that can do
    without one has it now and then, as while it imports what needs it: that says nothing of later.
    """
    if "t" not in sys.abiflags:
        to = repeat(words)
        counted = map(_store, to, repeat(0), count(1))
        on_both_clocks = (
            map(_store, to, repeat(2), _read(time.monotonic_ns)),
            map(_store, to, repeat(3), _read(time.time_ns)),
        )
        return zip(counted, *on_both_clocks).__next__

    def one_more() -> None:
        with lock:
            words[0] += 1
            words[2] = time.monotonic_ns()
            words[3] = time.time_ns()

    return one_more


def _read(clock: Callable[[], int]) -> Iterator[int]:
    """What it shows each time one asks."""
    return iter(clock, _NEVER)
