"""A record is written as `json.dumps` would, without what that makes anew each time."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from lifesign.wire import lane

CHARACTERS = 'abc "\\/\n\x00ü漢🐍\u2028\ud83d'


def made(random: Random, depth: int) -> Any:
    """Anything that a record may hold."""
    inner = range(random.randrange(4) if depth else 0)
    return random.choice(
        (
            random.choice((None, True, False)),
            random.choice((-1, 1)) * random.getrandbits(random.choice((3, 30, 64, 200))),
            random.choice((0.0, -0.5, 1e22, 1e-7, random.random())),
            text(random),
            [made(random, depth - 1) for _ in inner],
            {text(random): made(random, depth - 1) for _ in inner},
        )
    )


def text(random: Random) -> str:
    return "".join(random.choices(CHARACTERS, k=random.randrange(8)))


def as_json_says(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def test_any_record_is_written_as_json_says() -> None:
    random = Random(7)
    for _ in range(60):
        content = {text(random): made(random, 2) for _ in range(8)}
        assert lane.encode(content) == as_json_says(content)


def test_what_is_special_in_a_text_is_written_as_json_says() -> None:
    content = {
        "a": '"\\/\b\f\n\r\t\x00\x1f\x7f',
        "b": "ü漢🐍\u2028",
        "half a pair \ud83d": "\udc0d",
        "t": (1, -0.0, 1e22),
    }
    assert lane.encode(content) == as_json_says(content)
    assert json.loads(lane.encode(content))["a"] == content["a"]


def test_without_the_encoder_in_c_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "c_json", None)
    content = {
        "kind": "checkpoint",
        "name": '"ü"',
        "number": None,
        "start": 1_700_000_000_000_000_000,
        "synthetic": False,
    }
    assert "".join(lane._encoder()(content, 0)).encode() == as_json_says(content)
    assert lane._quoting()('"ü"\x00') == lane.quoted('"ü"\x00') == '"\\"ü\\"\\u0000"'


def test_a_ring_of_objects_is_refused_and_the_next_record_is_not() -> None:
    round_about: dict[str, Any] = {}
    round_about["itself"] = round_about
    with pytest.raises(RecursionError):
        lane.encode(round_about)
    assert lane.encode({"n": [round_about.keys().__len__()]}) == b'{"n":[1]}'
