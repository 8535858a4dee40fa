"""Where everything is in a pulse: version 1, little-endian, words of 8 bytes.

A pulse is one file per process incarnation, ``<run directory>/<pid>-<8 hex>/pulse``, allocated in
full before it is mapped, and renamed into place when its header and identity are written and the
life token (the file ``life`` beside it) is locked. Its writer is the main process. The sidecar writes the words of
the request block into a file of their own, ``requests``, from which the main process copies them.

====================  ===========  ==================================================================
offset                bytes        what
====================  ===========  ==================================================================
0                     64           header: ``LIFESIGN``, version, file size, boot lane offset and
                                   size, ring lane offset and size (one word each)
2048                  64           requests, counters that only grow: a word for each reason to take a task
                                   dump, the last word to run the post-conditions
2560                  3 x 256      slots like those of vital signs: what the process uses, its garbage
                                   collector, the memory of its container
4096                  4096         identity block: who the main process is, JSON
8192                  4096         tombstone block: how it ended, JSON; empty while it lives
12288                 256          vital sign slot of the watchdog thread
12544                 8 x 256      vital sign slots of the event loops
16384                 8 x 4096     delay rings of the event loops, 512 words each, nanoseconds
49152                 64 x 128     event counters
57344                 65536        boot lane: never wraps
122880                ring size    ring lane: wraps
====================  ===========  ==================================================================

**Block**: word 0 length of the JSON in bytes, word 1 its CRC-32, then the JSON.

**Vital sign slot**: two copies, A and B, of 16 words. Word 0 is a sequence number, words 1 to 14
the signs (in the order of `reader.WatchdogSigns` and so on), word 15 the CRC-32 of words
0 to 14. The writer fills the copy that holds the older
sequence number; a reader takes the valid copy with the higher one. A kill in the
middle of a write costs the newest value, never both.

**Delay ring** of loop *i*: the delay of beat *n* (counted from 0 in that slot) is at word ``n % 512``.

**Event counter**: word 0 length of the name in bytes (0: unused; stored last), 64 bytes of name in
UTF-8, then words: count of real events, count of synthetic ones, monotonic and wall time of the
newest real one, deadline in nanoseconds (0: not promised), monotonic time of the newest synthetic one
in a process that is a dry run (0 in any other: there synthetic events prove nothing).

**Lane**: 64 bytes of header (words: head, tail, next sequence number, refused), then records.
Positions only grow; position *p* stands at byte ``p % size`` of the lane's data. From ``tail`` to
``head`` there are whole records. A record has a header of four words: its position, its sequence
number, the length of its JSON (with bit 63 set for a filler, which only bridges the end of the
lane and has no sequence number), and the CRC-32 of the first three words and the JSON; then the
JSON, padded to 8 bytes. A record is never split; fewer than 32 bytes left at the end are skipped.
The writer moves ``tail`` before it overwrites and ``head`` after it wrote. ``refused`` counts records
that were too long, or that found the boot lane full.

**More loops**: a process that runs more than eight event loops at once has files ``loops-1``, ``loops-2`` and so on
beside its pulse, each made when the slots before it are taken: ``LIFELOOP``, version and number of slots (one word
each, 64 bytes), then as many vital sign slots and delay rings. Who does not know them sees the first eight loops.
"""

from __future__ import annotations

MAGIC = b"LIFESIGN"
VERSION = 1

WORD = 8
WORD_MASK = (1 << 64) - 1

REQUESTS_OFFSET = 2048
REQUESTS_SIZE = 64
# Words of the request block, each a request for a task dump; the word says why it is wanted.
REQUEST_REASONS = ("request", "silent", "shutdown", "leak")
REQUEST_DUMP = 0
REQUEST_CHECKS = 7  # the last word: run the post-conditions

USAGE_OFFSET = 2560

IDENTITY_OFFSET = 4096
TOMBSTONE_OFFSET = 8192
BLOCK_SIZE = 4096

SLOT_SIZE = 256
COPY_WORDS = 16
GARBAGE_OFFSET = USAGE_OFFSET + SLOT_SIZE
MEMORY_OFFSET = GARBAGE_OFFSET + SLOT_SIZE
WATCHDOG_OFFSET = 12288
LOOPS_OFFSET = WATCHDOG_OFFSET + SLOT_SIZE
LOOPS = 8
MORE_LOOPS = 31  # in each of the files beside it
LOOPS_FILES = tuple(f"loops-{number}" for number in range(1, 9))
LOOPS_MAX = LOOPS + len(LOOPS_FILES) * MORE_LOOPS
LOOPS_MAGIC = b"LIFELOOP"
LOOPS_VERSION = 1
LOOPS_HEADER = 64

DELAYS_OFFSET = 16384
DELAYS = 512
LOOPS_FILE_SIZE = LOOPS_HEADER + MORE_LOOPS * (SLOT_SIZE + DELAYS * WORD)

EVENTS_OFFSET = 49152
EVENTS = 64
EVENT_SIZE = 128
EVENT_NAME_BYTES = 64
EVENT_OVERFLOW = "other"  # counts every name for which there is no place left

BOOT_OFFSET = 57344
BOOT_SIZE = 65536
RING_OFFSET = BOOT_OFFSET + BOOT_SIZE
RING_SIZE_MIN = 65536
RING_SIZE_MAX = 1 << 24  # bounds what one poll can cost

LANE_HEADER = 64
RECORD_HEADER = 32
FILLER = 1 << 63
RECORD_BYTES_MAX = 32768  # of JSON; half of the smallest lane, so that one record never empties a ring

# How long lists in records are at most; not beside the shapes of these, which the main process does not load.
HOLDERS_MAX = 10  # of one primitive that are written
CULPRITS_MAX = 50  # of one process; what comes after them is counted together
STACKS_MAX = 5  # of one culprit or one spin that are kept, those with the most time

LOOP_RUNNING = 1
LOOP_ENDED = 2

BOOT_STARTING = 0
BOOT_COMPLETE = 1
BOOT_FAILED = 2
BOOT_TIMED_OUT = 3

NOT_ENDING = 0
ENDING_LOOP = 1  # `asyncio.run` waits for what it has cancelled
ENDING_PROGRAM = 2  # the main thread is over, and Python waits for other threads and for exit handlers
ENDINGS = {"closing": ENDING_LOOP, "exit": ENDING_PROGRAM}  # by the reason for the task dump that is taken then


def file_size(ring_size: int) -> int:
    """Bytes of a whole pulse whose ring holds `ring_size` bytes of records."""
    return RING_OFFSET + LANE_HEADER + ring_size


def padded(length: int) -> int:
    """`length` rounded up to whole words."""
    return (length + WORD - 1) & ~(WORD - 1)
