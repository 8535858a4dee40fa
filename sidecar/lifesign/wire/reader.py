"""The sidecar's side of a pulse, which trusts nothing.

Whoever owns the main container may have written anything here. So the file is read with ``pread``
and never mapped (a truncated map is a SIGBUS), never through a link, in pieces of bounded size,
and each piece is checked before it is used.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import Iterator, NamedTuple

from lifesign.wire import layout
from lifesign.wire.folder import PULSE, REQUESTS, PulseError, open_regular
from lifesign.wire.lane import LaneRead, parse
from lifesign.wire.process.usage import MemorySigns, OwnNumbers, UsageSigns

_WORD = layout.WORD
_BELIEVED = 1 << 62  # no count, and no time before the year 2116, comes near; what is sent has 63 bits
_UNUSED = bytes(_WORD)


class LoopSigns(NamedTuple):
    """Vital signs of one event loop; times in nanoseconds, `thread` is a native thread id, `slot` where they were.

    `cpu_ns` is the processor time of the loop's thread, and `waited_ns` for how long that thread was inside calls that
    waited while the loop did not turn; both since the thread and the loop began. 0 where an older agent writes.
    """

    state: int
    generation: int
    beats: int
    wall_ns: int
    mono_ns: int
    delay_ns: int
    thread: int
    since_ns: int
    cpu_ns: int = 0
    waited_ns: int = 0
    slot: int = 0


class WatchdogSigns(NamedTuple):
    """Vital signs of the watchdog thread.

    `boot_phase` is one of `layout.BOOT_STARTING` and so on; `failing` counts the critical post-conditions
    that did not hold when they ran last; `finished` counts tasks that have ended and that somebody still refers to;
    `unwatched` counts event loops that run and have no slot; `ending` is one of `layout.NOT_ENDING` and so on.
    """

    beats: int
    wall_ns: int
    mono_ns: int
    tasks: int
    boot_phase: int
    boot_ended_ns: int
    dumps: int
    failing: int = 0
    finished: int = 0
    unwatched: int = 0
    ending: int = 0
    ending_for_ns: int = 0


class EventCount(NamedTuple):
    """One event counter, with the time of the newest real event.

    `deadline_ns` is 0 where nothing is promised; `stand_in_ns` is the monotonic time of the newest synthetic
    event where the process is a dry run, else 0.
    """

    name: str
    real: int
    synthetic: int
    mono_ns: int
    wall_ns: int
    deadline_ns: int
    stand_in_ns: int = 0


class Vitals(NamedTuple):
    """All vital signs at one moment. Loops are None where their slot was never used."""

    watchdog: WatchdogSigns | None
    loops: tuple[LoopSigns | None, ...]
    events: tuple[EventCount, ...]
    delays: tuple[tuple[int, ...], ...]  # one ring a slot, by word; empty where there is no loop


class VersionError(PulseError):
    """This pulse was written by another version of lifesign, and is read by that."""


class PulseReader:
    """Reads the pulse in the process folder behind `directory` (a descriptor).

    Raises:
        PulseError: not a pulse, another version, or of an impossible shape.
        OSError: it cannot be opened.
    """

    def __init__(self, directory: int) -> None:
        self._directory = directory
        self._loops_files: list[int] = []  # descriptors
        self._descriptor = open_regular(PULSE, directory)
        try:
            header = self._read(0, 64)
            if header[:8] != layout.MAGIC:
                raise PulseError("it does not begin as a pulse does")
            version, size, boot, boot_size, ring, ring_size = struct.unpack("<6Q", header[8:56])
            if version != layout.VERSION:
                raise VersionError(f"its layout is version {version}; this lifesign reads version {layout.VERSION}")
            if (boot, boot_size, ring) != (layout.BOOT_OFFSET, layout.BOOT_SIZE, layout.RING_OFFSET):
                raise PulseError("its lanes are not where its version has them")
            ring_data = ring_size - layout.LANE_HEADER
            if not layout.RING_SIZE_MIN <= ring_data <= layout.RING_SIZE_MAX or ring_data % 4096:
                raise PulseError("its ring has an impossible size")
            if size != layout.file_size(ring_data) or os.fstat(self._descriptor).st_size < size:
                raise PulseError("it is shorter than its header says")
        except BaseException:
            self.close()
            raise
        self._ring_data = ring_data

    def close(self) -> None:
        for descriptor in (self._descriptor, *self._loops_files):
            os.close(descriptor)

    def identity(self) -> bytes:
        """The identity block's JSON; raises PulseError where it does not hold."""
        block = self._block(layout.IDENTITY_OFFSET)
        if block is None:
            raise PulseError("its identity block does not hold")
        return block

    def tombstone(self) -> bytes | None:
        """The tombstone's JSON, or None where the process left none."""
        return self._block(layout.TOMBSTONE_OFFSET)

    def vitals(self) -> Vitals:
        """All the vital signs."""
        base = layout.WATCHDOG_OFFSET
        raw = self._read(base, layout.BOOT_OFFSET - base)
        watchdog = _slot(raw, 0)
        loops = list(_loops(raw, layout.LOOPS_OFFSET - base, layout.DELAYS_OFFSET - base, layout.LOOPS))
        # There is no file with more while one of the slots has never been used.
        for number in range(len(layout.LOOPS_FILES)):
            content = self._loops_file(number) if all(signs is not None for signs, _ in loops) else None
            if content is None:
                break
            delays = layout.LOOPS_HEADER + layout.MORE_LOOPS * layout.SLOT_SIZE
            loops += _loops(content, layout.LOOPS_HEADER, delays, layout.MORE_LOOPS, len(loops))
        return Vitals(
            watchdog=WatchdogSigns(*watchdog[: len(WatchdogSigns._fields)]) if watchdog else None,
            loops=tuple(signs for signs, _ in loops),
            events=tuple(_events(raw, layout.EVENTS_OFFSET - base)),
            delays=tuple(delays for _, delays in loops),
        )

    def beats(self) -> Vitals:
        """The vital signs of the watchdog and of the first loops, without events and delays: a small part."""
        raw = self._read(layout.WATCHDOG_OFFSET, (1 + layout.LOOPS) * layout.SLOT_SIZE)
        watchdog = _slot(raw, 0)
        found = (_slot(raw, (1 + slot) * layout.SLOT_SIZE) for slot in range(layout.LOOPS))
        return Vitals(
            watchdog=WatchdogSigns(*watchdog[: len(WatchdogSigns._fields)]) if watchdog else None,
            loops=tuple(
                LoopSigns(*words[:10])._replace(slot=slot) if words else None for slot, words in enumerate(found)
            ),
            events=(),
            delays=(),
        )

    def numbers(self) -> OwnNumbers:
        """What the process uses, as it says."""
        raw = self._read(layout.USAGE_OFFSET, 3 * layout.SLOT_SIZE)
        usage, garbage, memory = (_slot(raw, index * layout.SLOT_SIZE) for index in range(3))
        return OwnNumbers(
            usage=UsageSigns(*usage[: len(UsageSigns._fields)]) if usage else None,
            garbage=tuple(garbage[first : first + 3] for first in (1, 4, 7)) if garbage else (),
            memory=MemorySigns(*memory[: len(MemorySigns._fields)]) if memory else None,
        )

    def _loops_file(self, number: int) -> bytes | None:
        """A file with the signs of more loops; None where there is none of this version."""
        try:
            if number == len(self._loops_files):
                self._loops_files.append(open_regular(layout.LOOPS_FILES[number], self._directory))
            content = os.pread(self._loops_files[number], layout.LOOPS_FILE_SIZE, 0)
        except (OSError, PulseError):
            return None
        header = struct.pack("<2Q", layout.LOOPS_VERSION, layout.MORE_LOOPS)
        whole = len(content) == layout.LOOPS_FILE_SIZE and content.startswith(layout.LOOPS_MAGIC + header)
        return content if whole else None

    def boot(self, position: int = 0, sequence: int = 0) -> LaneRead:
        """What the boot lane holds from `position` on."""
        return self._lane(layout.BOOT_OFFSET, layout.BOOT_SIZE - layout.LANE_HEADER, position, sequence)

    def ring(self, position: int = 0, sequence: int = 0) -> LaneRead:
        """What the ring holds from `position` on, or from its oldest record where that is gone."""
        return self._lane(layout.RING_OFFSET, self._ring_data, position, sequence)

    def heads(self) -> tuple[int, int]:
        """Up to where the boot lane and the ring are written."""
        boot, ring = self._read(layout.BOOT_OFFSET, _WORD), self._read(layout.RING_OFFSET, _WORD)
        return int.from_bytes(boot, "little"), int.from_bytes(ring, "little")

    def request(self, word: int) -> int:
        """Asks the main process for something; returns the count that an answer will carry.

        Raises:
            OSError: we may not write to this pulse.
        """
        offset = word * _WORD
        try:
            descriptor = open_regular(REQUESTS, self._directory, os.O_RDWR)
        except FileNotFoundError:  # an agent of an earlier version
            descriptor = open_regular(PULSE, self._directory, os.O_RDWR)
            offset += layout.REQUESTS_OFFSET
        try:
            before: int = struct.unpack("<Q", os.pread(descriptor, _WORD, offset).ljust(_WORD, b"\0"))[0]
            count = (before + 1) & layout.WORD_MASK
            os.pwrite(descriptor, struct.pack("<Q", count), offset)
        finally:
            os.close(descriptor)
        return count

    def _read(self, offset: int, length: int) -> bytes:
        content = os.pread(self._descriptor, length, offset)
        if len(content) < length:
            raise PulseError("it ends too early")
        return content

    def _block(self, offset: int) -> bytes | None:
        raw = self._read(offset, layout.BLOCK_SIZE)
        length, checksum = struct.unpack_from("<2Q", raw)
        payload = raw[2 * _WORD : 2 * _WORD + length]
        holds = 0 < length <= layout.BLOCK_SIZE - 2 * _WORD and zlib.crc32(payload) == checksum
        return payload if holds else None

    def _lane(self, offset: int, size: int, position: int, sequence: int) -> LaneRead:
        head, tail, _, refused = struct.unpack("<4Q", self._read(offset, 32))
        data = offset + layout.LANE_HEADER
        if position == head or head - tail > size or tail > head:
            return LaneRead([], position, sequence, 0, [], refused)
        if not tail <= position <= head:
            position = tail
        raw = self._unroll(data, size, position, head)
        # What the writer overwrote while we copied is not used, whatever its checksum says.
        tail = struct.unpack("<Q", self._read(offset + _WORD, _WORD))[0]
        start = max(position, tail)  # behind `head` where it went round while we read: then all of it is left out
        return parse(raw[start - position :], start, sequence, size, refused)

    def _unroll(self, data: int, size: int, position: int, head: int) -> bytes:
        first = position % size
        length = head - position
        if first + length <= size:
            return self._read(data + first, length)
        return self._read(data + first, size - first) + self._read(data, first + length - size)


def _slot(raw: bytes, offset: int) -> tuple[int, ...] | None:
    best: tuple[int, ...] | None = None
    for copy in (offset, offset + layout.COPY_WORDS * _WORD):
        if raw.startswith(_UNUSED, copy):
            continue
        words = struct.unpack_from(f"<{layout.COPY_WORDS}Q", raw, copy)
        holds = max(words) < _BELIEVED and zlib.crc32(raw[copy : copy + 15 * _WORD]) == words[15]
        if holds and (best is None or words[0] > best[0]):
            best = words
    return best[1:15] if best else None


def _loops(
    raw: bytes, slots: int, delays: int, count: int, first: int = 0
) -> Iterator[tuple[LoopSigns | None, tuple[int, ...]]]:
    """The signs and the delays of each loop, from where they begin; `first` is the number of the first slot."""
    for index in range(count):
        signs = _slot(raw, slots + index * layout.SLOT_SIZE)
        if signs is None:
            yield None, ()
        else:
            ring = struct.unpack_from(f"<{layout.DELAYS}Q", raw, delays + index * layout.DELAYS * _WORD)
            yield LoopSigns(*signs[:10])._replace(slot=first + index), ring


def _events(raw: bytes, base: int) -> Iterator[EventCount]:
    for start in range(base, base + layout.EVENTS * layout.EVENT_SIZE, layout.EVENT_SIZE):
        if raw.startswith(_UNUSED, start):
            continue
        (length,) = struct.unpack_from("<Q", raw, start)
        if not 0 < length <= layout.EVENT_NAME_BYTES:
            continue
        name = raw[start + _WORD : start + _WORD + length].decode("utf-8", "replace")
        words = struct.unpack_from("<6Q", raw, start + _WORD + layout.EVENT_NAME_BYTES)
        if max(words) < _BELIEVED:
            yield EventCount(name, *words)
