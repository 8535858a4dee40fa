"""A record that the spool took is delivered, or counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Callable

import msgspec
import pytest

from lifesign.export.queue.offsets import Counts, Offsets
from lifesign.watch.telemetry import Log, Resource, Span
from support.made.spools import MIB, append, drained, opened, segments
from support.rows import rows


async def test_what_goes_in_comes_out_in_order(
    tmp_path: Path, resource: Resource, span: Callable[..., Span], log: Callable[..., Log]
) -> None:
    spool = await opened(tmp_path)
    assert spool.size == 0
    full = span(1, parent="00000000000000aa", remote_parent=True, error="why", attributes={"a": [" é", "b"], "n": 1.5})
    await append(spool, [resource], [full, log(2)])
    await append(spool, [resource], [span(3)])

    first = await spool.read(2)
    assert first is not None
    assert first.records == [full, log(2)]
    assert first.resources == {"7-abc": resource}
    assert await spool.read(2) is first, "the same batch comes until it is committed"
    await spool.commit(first)
    assert await drained(spool) == ["span 3"]
    assert spool.size == 0
    assert spool.dropped == {"spool": 0, "invalid": 0}
    await spool.close()


async def test_what_fills_several_segments_comes_out_once(
    tmp_path: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(tmp_path, 8192)  # so a segment has 1024 bytes
    for first in (0, 3, 6):
        await append(spool, [resource], [span(number) for number in range(first, first + 3)])
    await append(spool, [resource], [span(number) for number in range(9, 30)])
    assert len(segments(tmp_path)) > 3
    assert await drained(spool) == [f"span {number}" for number in range(30)]
    assert spool.dropped == {"spool": 0, "invalid": 0}
    await spool.close()


async def test_each_line_says_what_it_is(tmp_path: Path, resource: Resource, span: Callable[..., Span]) -> None:
    spool = await opened(tmp_path)
    await append(spool, [resource], [span(1), span(2)])
    [file] = segments(tmp_path)
    assert [json.loads(line)["type"] for line in file.read_text().splitlines()] == ["resource", "span", "span"]
    assert spool.size == file.stat().st_size
    assert file.stat().st_mode & 0o777 == 0o600
    await spool.close()


async def test_a_resource_that_changed_is_written_again(
    tmp_path: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(tmp_path)
    await append(spool, [resource], [span(1)])
    await append(spool, [Resource("7-abc", {"service.name": "renamed"})], [span(2)])
    first = await spool.read(1)
    assert first is not None
    await spool.commit(first)
    second = await spool.read(1)
    assert second is not None
    assert second.resources["7-abc"].attributes == {"service.name": "renamed"}
    await spool.close()


async def test_a_restart_goes_on_after_the_last_commit(
    tmp_path: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(tmp_path)
    await append(spool, [resource], [span(n) for n in (1, 2, 3, 4)])
    batch = await spool.read(2)
    assert batch is not None
    await spool.commit(batch)
    assert await spool.read(1) is not None  # read, but never committed
    await spool.close()

    again = await opened(tmp_path)
    await append(again, [resource], [span(5)])
    assert len(segments(tmp_path)) == 2, "an old segment is never written to"
    assert await drained(again, 1) == ["span 3", "span 4", "span 5"]
    await again.close()
    assert segments(tmp_path) == [], "what was delivered is deleted"


async def test_a_cursor_that_cannot_be_read_delivers_again(
    tmp_path: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(tmp_path)
    await append(spool, [resource], [span(1), span(2)])
    batch = await spool.read(1)
    assert batch is not None
    await spool.commit(batch)
    await spool.close()
    for broken in ("{", '{"segment":-1,"offset":0}'):
        (tmp_path / "counts.json").write_text(broken)
        again = await opened(tmp_path)
        batch = await again.read(9)
        assert batch is not None
        assert len(batch.records) == 2
        await again.close()


async def test_no_bit_of_the_counts_can_flip_unseen(
    tmp_path: Path, resource: Resource, span: Callable[..., Span], caplog: pytest.LogCaptureFixture
) -> None:
    spool = await opened(tmp_path)
    await append(spool, [resource], [span(n) for n in range(20)])
    batch = await spool.read(5)
    assert batch is not None
    await spool.commit(batch)
    good = Offsets(tmp_path).counts
    content = (tmp_path / "counts.json").read_bytes()
    for bit in range(0, 8 * len(content.rstrip()), 3):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        (tmp_path / "counts.json").write_bytes(flipped)
        caplog.clear()
        found = Offsets(tmp_path).counts
        assert msgspec.structs.astuple(found)[:-1] == msgspec.structs.astuple(good)[:-1] or (
            msgspec.structs.astuple(found)[:-1] == (0,) * 6 and "counts.json is damaged" in caplog.text
        )
    await spool.close()


async def test_counts_that_an_older_version_wrote_are_believed(tmp_path: Path) -> None:
    (tmp_path / "counts.json").write_text('{"spool":3,"invalid":2,"rejected":1,"segment":4,"offset":5,"gone":0}')
    offsets = Offsets(tmp_path)
    assert (offsets.counts.spool, offsets.cursor) == (3, (4, 5))
    await offsets.save()
    assert Offsets(tmp_path).counts.crc is not None


@rows("field", ["spool", "invalid", "rejected", "segment", "offset", "gone"])
@pytest.mark.parametrize("number", [-1, (1 << 63) - 1, 1 << 63, 1 << 64])
async def test_no_number_in_the_counts_ends_the_export(tmp_path: Path, field: str, number: int) -> None:
    directory = tmp_path / field
    directory.mkdir()
    counts = Counts(**{field: number})
    if number < 1 << 64:
        counts.crc = counts.checksum()
    (directory / "counts.json").write_text(json.dumps(msgspec.structs.asdict(counts)))
    spool = await opened(directory)
    assert sum(spool.dropped.values()) + spool.rejected <= 3 << 60
    assert spool.size == 0
    await spool.close()


async def test_a_torn_tail_is_counted_and_the_next_is_read(
    tmp_path: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(tmp_path)
    await append(spool, [resource], [span(1), span(2)])
    await spool.close()
    [file] = segments(tmp_path)
    file.write_bytes(file.read_bytes()[:-9])

    again = await opened(tmp_path)
    await append(again, [resource], [span(3)])
    assert await drained(again) == ["span 1", "span 3"]
    assert again.dropped == {"spool": 0, "invalid": 1}
    await again.close()


async def test_only_the_newline_is_missing(tmp_path: Path, resource: Resource, span: Callable[..., Span]) -> None:
    spool = await opened(tmp_path)
    await append(spool, [resource], [span(1)])
    await spool.close()
    [file] = segments(tmp_path)
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    again = await opened(tmp_path)
    assert await drained(again) == ["span 1"]
    await again.close()


async def test_garbage_is_counted_and_set_aside(tmp_path: Path, resource: Resource, span: Callable[..., Span]) -> None:
    spool = await opened(tmp_path)
    await append(spool, [resource], [span(1), span(2)])
    await spool.close()
    [file] = segments(tmp_path)
    kept = file.read_bytes().splitlines()
    garbage = [
        b"\xff\xfe\x00",
        b"not json",
        b'{"type":"span"}',
        b'{"type":"elephant"}',
        kept[1].replace(b"7-abc", b"8-xyz"),  # nobody said whose it is
        b"[" * 100_000,
        b'{"type":"resource","key":7}',
    ]
    file.write_bytes(b"\n".join([kept[0], kept[1], *garbage, kept[2]]) + b"\n")

    again = await opened(tmp_path)
    assert await drained(again) == ["span 1", "span 2"]
    assert again.dropped["invalid"] == 7
    aside = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert [line["line"] for line in aside][1:4] == ["not json", '{"type":"span"}', '{"type":"elephant"}']
    assert {line["why"] for line in aside} == {"invalid"}
    assert max(len(line["line"]) for line in aside) == 65536
    await again.close()


async def test_a_segment_of_nothing_but_garbage_is_left_behind(
    tmp_path: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    (tmp_path / "0000000000000003.jsonl").write_text("x\ny\n")
    spool = await opened(tmp_path)
    assert await spool.read(9) is None
    assert spool.dropped["invalid"] == 2
    assert segments(tmp_path) == []
    await append(spool, [resource], [span(1)])
    assert await drained(spool) == ["span 1"]
    await spool.close()


async def test_links_are_not_followed(tmp_path: Path, resource: Resource, span: Callable[..., Span]) -> None:
    secret = tmp_path / "secret"
    secret.write_text("keep me\n")
    spool_dir = tmp_path / "spool"
    spool_dir.mkdir()
    for name in ("0000000000000001.jsonl", "rejected.jsonl", "counts.json"):
        (spool_dir / name).symlink_to(secret)
    spool = await opened(spool_dir)
    await append(spool, [resource], [span(1)])
    await spool.set_aside([span(1)], 1, "no")
    assert await drained(spool) == ["span 1"]
    await spool.close()
    assert secret.read_text() == "keep me\n"


async def test_what_cannot_be_written_is_counted(
    tmp_path: Path, resource: Resource, span: Callable[..., Span], caplog: pytest.LogCaptureFixture
) -> None:
    spool = await opened(tmp_path)
    too_long = span(1, attributes={"a": "x" * MIB})
    strangers = span(2, resource="8-xyz")
    surrogate = span(3, name="\ud800")
    await append(spool, [resource, Resource("9", {"a": "\ud800"})], [too_long, strangers, surrogate, span(4)])
    assert spool.dropped == {"spool": 0, "invalid": 3}
    assert await drained(spool) == ["span 4"]
    assert "is too long" in caplog.text
    await spool.close()


async def test_an_old_batch_does_not_move_the_cursor(
    tmp_path: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(tmp_path)
    await append(spool, [resource], [span(1), span(2)])
    old = await spool.read(1)
    assert old is not None
    await spool.commit(old)
    new = await spool.read(1)
    await spool.commit(old)
    assert await spool.read(1) is new
    await spool.close()


async def test_a_segment_that_cannot_be_read_is_left_out(
    tmp_path: Path, resource: Resource, span: Callable[..., Span], caplog: pytest.LogCaptureFixture
) -> None:
    spool = await opened(tmp_path, 4096)
    await append(spool, [resource], [span(n) for n in range(20)])
    first, second, *_ = segments(tmp_path)
    first.unlink()
    first.symlink_to(second)  # it is not followed, though it leads to what could be read
    names = await drained(spool)
    assert names[-1] == "span 19"
    assert "span 0" not in names
    assert spool.dropped["invalid"] == 2 == 20 - len(names) - spool.dropped["spool"]
    assert "cannot read" in caplog.text
    await spool.close()
