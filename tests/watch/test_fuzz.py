"""Inputs by the dozen, each of them hostile; `make fuzz` runs them by the million."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Iterator

import pytest

from lifesign.export.queue.segments import LineError, decode_line
from lifesign.watch import records
from lifesign.watch.observe import lastwords
from lifesign.wire import layout
from lifesign.wire.lane import parse
from support.fuzzing import hostile
from support.fuzzing.chance import chances
from support.fuzzing.everything import Victims
from support.mainprocess import LockHolder
from support.rows import rows

FEW = 20
WORDS = ("kind", "checkpoint", "dry_run", "span", "type", "end", "\x1b[2J", "\ud800", "<b>")
SCALARS = (None, True, False, *hostile.INTEGERS, *hostile.FLOATS, float("nan"), float("-inf"), *WORDS)


def json_of(rng: Random) -> bytes:
    """A document, or what is none."""
    if rng.random() < 0.5:
        return rng.randbytes(rng.randrange(200))
    one: Any = rng.choice(SCALARS)
    if rng.random() < 0.7:
        many = rng.choices(SCALARS, k=rng.randrange(4))
        one = {name: rng.choice((many, rng.choice(SCALARS))) for name in rng.choices(WORDS, k=rng.randrange(7))}
    return json.dumps(one).encode()


@pytest.fixture(scope="module")
def victims(holder: LockHolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victims]:
    victims = Victims(tmp_path_factory.mktemp("run"), holder)
    yield victims
    victims.close()


@rows("rng", chances(5))
def test_whatever_stands_in_a_process_folder_everything_that_follows_holds(victims: Victims, rng: Random) -> None:
    victims.suffer(rng)


@rows("rng", chances(FEW))
def test_a_lane_of_noise_is_walked_to_its_end(rng: Random) -> None:
    raw, position = rng.randbytes(rng.choice((0, 8, rng.randrange(600)))), rng.choice((0, rng.getrandbits(62) & ~7))
    read = parse(raw, position, rng.getrandbits(rng.choice((1, 62))), layout.RING_SIZE_MIN, 0)
    assert read.position == position + len(raw)
    assert sum(map(len, read.torn)) <= len(raw)
    assert read.missed >= 0


@rows("rng", chances(FEW))
def test_a_record_is_decoded_or_invalid(rng: Random) -> None:
    payload = json_of(rng)
    with pytest.raises(records.InvalidRecordError):  # none of these has all the fields of its kind
        records.decode_record(payload)
    assert records.decode_tombstone(payload) is None


@rows("rng", chances(FEW))
def test_last_words_are_read_or_passed_over(rng: Random) -> None:
    words = lastwords.parse(hostile.last_words(rng))
    if words is not None:
        text = words.stacktrace(lambda file, line: None) + words.what + words.where()
        assert all(character == "\n" or character.isprintable() for character in text)


@rows("rng", chances(FEW))
def test_a_line_of_the_spool_is_decoded_or_an_error(rng: Random) -> None:
    with pytest.raises(LineError):
        decode_line(json_of(rng))


def test_a_bomb_of_brackets_is_an_invalid_record() -> None:
    bombs: list[Any] = [b"[" * 32_000, b'{"a":' * 6_000, b'{"kind":"dry_run","error":' * 1_000, b"9" * 32_000]
    for bomb in bombs:
        with pytest.raises(records.InvalidRecordError):
            records.decode_record(bomb)
