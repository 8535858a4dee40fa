"""What is made from a template is JSON as `json.dumps` would write it, and the sidecar takes it as it was meant."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random
from typing import Any, Callable, Iterator

import pytest

from lifesign.agent.checkpoints import Checkpoints
from lifesign.agent.dryrun.reporter import written
from lifesign.watch.records import decode_record
from lifesign.wire.reader import PulseReader
from lifesign.wire.writer import PulseWriter

CHARACTERS = 'abc "\\/\n\x00ü漢🐍\u2028'
LONGEST = "\x00" * 50_000  # six bytes of JSON each
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7"


def texts() -> list[str]:
    random = Random(7)
    return ["", LONGEST, *("".join(random.choices(CHARACTERS, k=random.randrange(9))) for _ in range(40))]


def error(text: str) -> Any:
    return {"type": text[:20], "message": text, "stack": text}


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[tuple[PulseWriter, Callable[[], Any]]]:
    """A pulse, and what its newest record in the ring is."""
    writer = PulseWriter(str(tmp_path / "pulse"), {"pid": 7}, 65536)
    directory = os.open(tmp_path, os.O_RDONLY)
    reader = PulseReader(directory)

    def newest() -> Any:
        payload = reader.ring().records[-1].payload
        decoded: Any = decode_record(payload)
        assert payload == json.dumps(decoded, separators=(",", ":"), ensure_ascii=False).encode()
        return decoded

    yield writer, newest
    reader.close()
    os.close(directory)
    writer.close()


def test_checkpoints(lane: tuple[PulseWriter, Callable[[], Any]]) -> None:
    writer, newest = lane
    checkpoints = Checkpoints(writer.ring, 5, ("expected",))
    for text in texts():
        identifier = checkpoints.mark(text)
        mark = newest()
        assert {**mark, "start": 5, "end": 6} == {
            "kind": "checkpoint", "id": identifier, "name": text[:200], "number": None, "total": None, "start": 5,
            "end": 6, "error": None, "synthetic": False,
        }  # fmt: skip
        assert mark["start"] <= mark["end"]
        checkpoints.open_block(SPAN, text)
        assert (newest()["start"] >= mark["end"], newest()["end"]) == (True, None)
        checkpoints.close_block(SPAN, error(text))
        assert newest()["error"] == (error(text) if text is not LONGEST else error(text[:1000]))
    checkpoints.mark("expected")
    assert (newest()["number"], newest()["total"], len(newest()["id"])) == (1, 1, 16)


def test_events_of_a_dry_run(lane: tuple[PulseWriter, Callable[[], Any]]) -> None:
    writer, newest = lane
    for index, text in enumerate(texts()):
        for failed in (None, error(text)):
            assert writer.ring.write(written(TRACE, SPAN, text[:200], index, 5, 1 << 62, failed, 3))
            if text is LONGEST:
                failed = failed and error(text[:1000])
            assert newest() == {
                "kind": "dry_run", "trace": TRACE, "id": SPAN, "type": text[:200], "index": index, "start": 5,
                "end": 1 << 62, "error": failed, "adjusted_count": 3,
            }  # fmt: skip


def test_half_a_surrogate_pair(lane: tuple[PulseWriter, Callable[[], Any]]) -> None:
    writer, newest = lane
    assert writer.ring.write(written(TRACE, SPAN, "a\ud83d", 1, 5, 6, error("\udc0d"), 1))
    assert (newest()["type"], newest()["error"]["type"]) == ("a?", "?")
