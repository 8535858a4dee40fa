"""A main process that writes whatever it likes: pulses with every region wrong, whole or torn, by chance.

All of it comes from one `random.Random`, so that a seed says everything about a finding.
"""

from __future__ import annotations

import functools
import os
import struct
import typing
import zlib
from pathlib import Path
from random import Random
from typing import Any, Callable

from lifesign.wire import layout, records
from lifesign.wire.lane import encode
from lifesign.wire.writer import PulseWriter
from support import mainprocess

RING = layout.RING_SIZE_MIN
SIZE = layout.file_size(RING)

INTEGERS = (0, 1, -1, 7, 1 << 31, (1 << 53) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 10**400)
FLOATS = (0.0, -1.0, 0.1, 1e300, 1.7976931348623157e308, 5e-324)
TEXTS = (
    "", "order", "\x1b[2J\x1b]0;owned\x07", "<script>alert(1)</script>", "\u202egnp.exe", "line\nline\r", "\x00",
    "[bold red]x[/]", "%s%n{0}", "\ud800", "x" * 5000, "\U0001f480" * 300, "../../etc/passwd", "/dev/zero.py",
    "a=b,c=%zz",
)  # fmt: skip
_HEX = {"trace": 32, "id": 16, "boot_span": 16, "parent_span": 16, "span": 16}
_RECORDS = (
    records.Checkpoint, records.BootExpects, records.BootEnded, records.PostconditionReport, records.TaskDump,
    records.TaskGroup, records.Stall, records.DryRunEvent,
)  # fmt: skip
_REGIONS = (
    (0, 64), (layout.REQUESTS_OFFSET, 64), (layout.IDENTITY_OFFSET, layout.BLOCK_SIZE),
    (layout.TOMBSTONE_OFFSET, layout.BLOCK_SIZE), (layout.WATCHDOG_OFFSET, 9 * layout.SLOT_SIZE),
    (layout.DELAYS_OFFSET, 8 * 4096), (layout.EVENTS_OFFSET, layout.EVENTS * layout.EVENT_SIZE),
    (layout.BOOT_OFFSET, layout.LANE_HEADER), (layout.BOOT_OFFSET, 2048), (layout.BOOT_OFFSET, layout.BOOT_SIZE),
    (layout.RING_OFFSET, layout.LANE_HEADER), (layout.RING_OFFSET, 2048), (layout.RING_OFFSET, RING),
)  # fmt: skip
_SLOTS = [layout.WATCHDOG_OFFSET + index * layout.SLOT_SIZE for index in range(1 + layout.LOOPS)]
_WORDS_OF = (
    b"Fatal Python error: Segmentation fault", b"Timeout (0:00:05)!", b"Current thread 0x7f (most recent call first):",
    b"Thread 0x7f [\x1b[2J] (most recent call first):", b'  File "/srv/x.py", line 7 in work', b"  Garbage-collecting",
    b"  File ???, line ??? in ???", b'  File "' + b"\x9b" * 50 + b'", line 999999999 in <script>', b"...", b"\xff\x00",
    b"  Binary file \x1b[1m", b"",
)  # fmt: skip


@functools.cache
def _fields(shape: Any) -> dict[str, Any]:
    return typing.get_type_hints(shape)


def value(rng: Random, hint: Any, name: str = "", *, wrong: float = 0.02) -> Any:
    """Something JSON-ready of the type `hint`, or with the chance `wrong` of another one."""
    if rng.random() < wrong:
        return rng.choice((None, True, "text", 1.5, [], {}, [[[[]]]], {"kind": "stall"}))
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return rng.choice(parts) if rng.random() >= wrong else rng.choice(TEXTS)
    if origin is list:
        return [value(rng, parts[0], wrong=wrong) for _ in range(rng.choice((0, 1, 1, 2, 20)))]
    if origin is dict:
        return {_text(rng, ""): value(rng, parts[1], wrong=wrong) for _ in range(rng.choice((0, 1, 3)))}
    if parts:  # a union
        return value(rng, rng.choice(parts), name, wrong=wrong)
    if isinstance(hint, type) and hasattr(hint, "__required_keys__"):
        return {
            field: value(rng, of, field, wrong=wrong)
            for field, of in _fields(hint).items()
            if rng.random() >= wrong / 4
        }
    simple: dict[Any, Callable[[], Any]] = {
        int: lambda: rng.choice(INTEGERS) if rng.random() < 15 * wrong else rng.randrange(1 << 40),
        float: lambda: rng.choice(FLOATS) if wrong else rng.random(),
        bool: lambda: rng.random() < 0.5,
        str: lambda: _text(rng, name),
        type(None): lambda: None,
    }
    return simple[hint]()


def _text(rng: Random, name: str) -> str:
    if name in _HEX and rng.random() < 0.9:
        return "".join(rng.choice("0123456789abcdef") for _ in range(_HEX[name]))
    return rng.choice(TEXTS)


@functools.cache
def _of_corpus(number: int) -> bytes:
    """One of the records to draw from, the same in every run: making one takes longer than reading it."""
    return _payload(Random(number))


def payload(rng: Random) -> bytes:
    """The JSON of a record, or what stands in its place."""
    return _of_corpus(rng.randrange(400)) if rng.random() < 0.97 else _payload(rng)


def _payload(rng: Random) -> bytes:
    chance = rng.random()
    if chance < 0.05:
        return rng.randbytes(rng.randrange(200))
    if chance < 0.1:
        return rng.choice((b"[", b'{"kind":', b'{"a":[', b'"')) * rng.choice((1, 2000))
    if chance < 0.12:
        return b'{"kind":"' + b"x" * 30_000 + b'"}'
    return encode(value(rng, rng.choice(_RECORDS)))


def pulse(path: Path, rng: Random) -> None:
    """Writes a pulse at `path`: with the real writer what an agent gone mad might say, then bytes over it."""
    identity = mainprocess.identity()
    if rng.random() < 0.3:
        for name in rng.sample(sorted(identity), rng.choice((1, 2, len(identity)))):
            identity[name] = value(rng, _fields(records.Identity)[name], name)
        if len(encode(identity)) > layout.BLOCK_SIZE - 16:
            identity = mainprocess.identity(command="x" * 3000)
    path.unlink(missing_ok=True)
    writer = PulseWriter(str(path), identity, RING)
    for _ in range(rng.choice((0, 1, 3, 10))):
        lane = rng.choice((writer.boot, writer.ring))
        lane._append(payload(rng)[: layout.RECORD_BYTES_MAX])
    for name in rng.sample(TEXTS, rng.choice((0, 1, 4))):
        writer.events.count(name)
        writer.events.promise(name, rng.choice(INTEGERS[:9]) & layout.WORD_MASK)
    if rng.random() < 0.3:
        tombstone = value(rng, records.Tombstone)
        if len(encode(tombstone)) < 3000:
            writer.write_tombstone(tombstone)
    writer.close()
    for _ in range(rng.choice((1, 2, 5))):
        scribble(path, rng)


def scribble(path: Path, rng: Random) -> None:
    """Changes a pulse in place: a slot whose checksum holds, words that mean something, or noise."""
    with open(path, "r+b", buffering=0) as file:
        chance = rng.random()
        if chance < 0.4:
            copy = struct.pack("<15Q", *(_word(rng) for _ in range(15)))
            file.seek(rng.choice(_SLOTS) + rng.choice((0, layout.COPY_WORDS * 8)))
            file.write(copy + struct.pack("<Q", zlib.crc32(copy)))
        elif chance < 0.5:
            count = rng.randrange(1, layout.EVENTS)
            file.seek(layout.EVENTS_OFFSET)
            for _ in range(count):
                name = rng.choice(TEXTS).encode("utf-8", "surrogatepass")[:64] + rng.randbytes(2)
                file.write(struct.pack("<Q", len(name) & 63) + name[:64].ljust(64, b"\0"))
                file.write(struct.pack("<7Q", *(_word(rng) for _ in range(7))))
        else:
            start, length = rng.choice(_REGIONS)
            file.seek(start + rng.randrange(length) // 8 * 8)
            if chance < 0.75:
                file.write(b"".join(struct.pack("<Q", _word(rng)) for _ in range(rng.choice((1, 1, 4)))))
            else:
                file.write(rng.randbytes(rng.choice((1, 8, 64, 3000))))
        if chance > 0.995:
            os.ftruncate(file.fileno(), rng.randrange(SIZE))


def _word(rng: Random) -> int:
    if rng.random() < 0.5:
        return rng.choice(INTEGERS[:9]) & layout.WORD_MASK
    return rng.choice((rng.getrandbits(64), rng.randrange(1 << 20), rng.randrange(8) * 8, RING, layout.BOOT_SIZE))


def last_words(rng: Random) -> bytes:
    """What may stand in the file of that name."""
    if rng.random() < 0.2:
        return rng.randbytes(rng.choice((0, 10, 70_000)))
    lines = [rng.choice(_WORDS_OF) for _ in range(rng.choice((1, 5, 5, 5, 50, 500)))]
    return b"\n".join(lines)


def stacks(rng: Random) -> bytes:
    """What may stand in the file of that name."""
    threads = [[rng.choice(INTEGERS), "S", *rng.choices(INTEGERS, k=3)] for _ in range(rng.choice((0, 2, 300)))]
    asked = {"at": rng.choice(INTEGERS), "beats": rng.choice((0, 1)), "over": rng.choice(INTEGERS), "threads": threads}
    return b"asked " + encode(asked) + b"\n" + last_words(rng)


def stacks_offer(rng: Random) -> bytes:
    """What may stand in ``stacks.json``."""
    threads = [[rng.choice(INTEGERS), rng.choice(INTEGERS), rng.choice(TEXTS)] for _ in range(rng.choice((0, 2, 300)))]
    offer = {"signal": rng.choice(INTEGERS), "thread": rng.choice(INTEGERS), "threads": threads}
    return encode(offer) if rng.random() < 0.9 else rng.randbytes(50)


def run_json(rng: Random) -> bytes:
    """What may stand in the file of that name."""
    content = {
        "pid": rng.choice((4242, 0, 10**400, None)),
        "asked": rng.choice((None, *TEXTS)),
        "exit_code": rng.choice((None, *INTEGERS)),
        "signal": rng.choice((None, *TEXTS)),
        "asked_at": rng.choice((None, *INTEGERS)),
    }
    return encode(content) if rng.random() < 0.9 else rng.randbytes(50)
