"""Inputs by the dozen, each of them hostile; `make fuzz` runs them by the million."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifesign.export.queue.segments import LineError, decode_line
from lifesign.watch import records
from lifesign.watch.observe import lastwords
from lifesign.wire import layout
from lifesign.wire.lane import parse
from support.fuzzing.everything import Victims
from support.mainprocess import LockHolder

few = settings(max_examples=20, deadline=None)
words = st.sampled_from(["kind", "checkpoint", "dry_run", "span", "type", "end", "\x1b[2J", "\ud800", "<b>"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words
json_values = scalars | st.dictionaries(words, scalars | st.lists(scalars, max_size=3), max_size=6)


@pytest.fixture(scope="module")
def victims(holder: LockHolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victims]:
    victims = Victims(tmp_path_factory.mktemp("run"), holder)
    yield victims
    victims.close()


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1 << 64))
def test_whatever_stands_in_a_process_folder_everything_that_follows_holds(victims: Victims, seed: int) -> None:
    victims.suffer(Random(seed))


@few
@given(raw=st.binary(max_size=600), position=st.integers(0, 1 << 62), sequence=st.integers(0, 1 << 62))
def test_a_lane_of_noise_is_walked_to_its_end(raw: bytes, position: int, sequence: int) -> None:
    position &= ~7
    read = parse(raw, position, sequence, layout.RING_SIZE_MIN, 0)
    assert read.position == position + len(raw)
    assert sum(map(len, read.torn)) <= len(raw)
    assert read.missed >= 0


@few
@given(payload=st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_a_record_is_decoded_or_invalid(payload: bytes) -> None:
    with pytest.raises(records.InvalidRecordError):  # none of these has all the fields of its kind
        records.decode_record(payload)
    assert records.decode_tombstone(payload) is None


@few
@given(
    raw=st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: f"Fatal Python error: Aborted\n{text}".encode())
)
def test_last_words_are_read_or_passed_over(raw: bytes) -> None:
    words = lastwords.parse(raw)
    if words is not None:
        text = words.stacktrace(lambda file, line: None) + words.what + words.where()
        assert all(character == "\n" or character.isprintable() for character in text)


@few
@given(line=st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_a_line_of_the_spool_is_decoded_or_an_error(line: bytes) -> None:
    with pytest.raises(LineError):
        decode_line(line)


def test_a_bomb_of_brackets_is_an_invalid_record() -> None:
    bombs: list[Any] = [b"[" * 32_000, b'{"a":' * 6_000, b'{"kind":"dry_run","error":' * 1_000, b"9" * 32_000]
    for bomb in bombs:
        with pytest.raises(records.InvalidRecordError):
            records.decode_record(bomb)
