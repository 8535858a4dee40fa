"""The file with the stacks that were asked for: the newest answer counts, and nothing in it is trusted."""

from __future__ import annotations

from lifesign.judge.gil.stacks import parse, parse_threads, printable
from lifesign.wire.stacks.request import StacksRequest, encode_request


def asked(beats: int, at: int = 1) -> bytes:
    return encode_request(StacksRequest(at, beats, 5, {}))


def answer(function: bytes) -> bytes:
    return b'Thread 0x01 (most recent call first):\n  File "/srv/desk.py", line 5 in %s\n\n' % function


def functions(raw: bytes) -> list[str]:
    found = parse(raw)
    assert found is not None
    return [frame["function"] for thread in found.threads for frame in thread.frames]


def test_without_a_request_there_is_nothing() -> None:
    assert parse(b"") is None
    assert parse(answer(b"work")) is None


def test_the_newest_answer_of_the_newest_freeze_counts() -> None:
    assert functions(asked(1) + answer(b"old") + asked(2) + answer(b"new")) == ["new"]
    assert functions(asked(1) + answer(b"old") + asked(2)) == []
    assert functions(asked(2) + answer(b"first") + asked(2) + answer(b"second")) == ["second"]
    assert functions(asked(2) + answer(b"first") + asked(2)) == ["first"]


def test_how_often_it_was_asked_is_counted() -> None:
    found = parse(asked(1) + asked(2, at=7) + asked(2, at=9))
    assert found is not None
    assert (found.requests, found.request.at, found.request.beats) == (2, 9, 2)


def test_what_is_too_long_is_cut() -> None:
    thread = ["Thread 0x01 (most recent call first):", *['  File "/srv/desk.py", line 5 in work'] * 201]
    threads, whole = parse_threads(thread * 201)
    assert (len(threads), {len(one.frames) for one in threads}, whole) == (200, {200}, False)
    assert parse_threads([*thread, "..."])[1] is False


def test_what_could_steer_a_terminal_is_taken_out() -> None:
    assert printable("a\x1b[2Jb") == "a\ufffd[2Jb"
    assert printable("plain") == "plain"
