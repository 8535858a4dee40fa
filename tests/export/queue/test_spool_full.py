"""A spool that has no room: on disk, in memory, or at all."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Callable

import pytest

from lifesign.export.queue.segments import Segments
from lifesign.export.queue.spool import Spool
from lifesign.watch.telemetry import Resource, Span
from support.made.spools import MIB, append, disk_full_at, drained, opened, segments


async def test_the_oldest_segment_goes_first_and_is_counted(
    tmp_path: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    limit = 4096  # so a segment has 512 bytes, room for the resource and about three spans
    spool = await opened(tmp_path, limit)
    for number in range(60):
        await append(spool, [resource], [span(number)])
    assert sum(file.stat().st_size for file in tmp_path.glob("0*.jsonl")) <= limit
    lost = spool.dropped["spool"]
    assert 30 < lost < 60
    assert await drained(spool) == [f"span {number}" for number in range(lost, 60)]
    await spool.close()


async def test_the_segment_of_what_is_on_its_way_stays_and_the_next_goes(
    tmp_path: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(tmp_path, 8192)
    await append(spool, [resource], [span(number) for number in range(10)])
    batch = await spool.read(3)
    assert batch is not None
    for number in range(10, 100):
        await append(spool, [resource], [span(number)])
    lost = spool.dropped["spool"]
    assert lost > 10
    await spool.commit(batch)
    names = await drained(spool)

    assert (names[0], names[-1], len(names)) == ("span 3", "span 99", 97 - lost)
    await spool.close()


async def test_a_smaller_limit_holds_from_the_start(
    tmp_path: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(tmp_path, 32768)
    await append(spool, [resource], [span(number) for number in range(80)])
    await spool.close()
    before = len(segments(tmp_path))
    again = await opened(tmp_path, 4096)
    assert sum(file.stat().st_size for file in segments(tmp_path)) <= 4096
    assert len(segments(tmp_path)) < before
    assert again.dropped["spool"] + len(await drained(again)) == 80
    await again.close()


async def test_a_full_disk_keeps_them_in_memory_and_tries_again(
    tmp_path: Path, resource: Resource, span: Callable[..., Span], caplog: pytest.LogCaptureFixture
) -> None:
    spool = await opened(tmp_path)
    await append(spool, [resource], [span(1)])
    [file] = segments(tmp_path)
    size = file.stat().st_size
    with disk_full_at(size + 20):
        await append(spool, [resource], [span(2)])
        await append(spool, [resource], [span(3)])
        assert file.stat().st_size == size, "half a line was taken back"
    assert "File too large" in caplog.text
    assert caplog.text.count("cannot be written") == 1, "said once"
    assert spool.dropped["spool"] == 0
    await append(spool, [resource], [span(4)])
    assert await drained(spool) == ["span 1", "span 2", "span 3", "span 4"]
    await spool.close()


async def test_from_a_full_disk_they_are_delivered_out_of_memory(
    tmp_path: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(tmp_path)
    with disk_full_at(20):
        await append(spool, [resource], [span(n) for n in (1, 2, 3)])
        batch = await spool.read(2)
        assert batch is not None
        assert [s.name for s in batch.records if isinstance(s, Span)] == ["span 1", "span 2"]
        assert batch.end is None
        assert spool.size > 0
        await spool.commit(batch)
        assert await drained(spool) == ["span 3"]
        assert spool.size == 0
    await spool.close()


async def test_what_is_in_memory_goes_to_disk_at_the_end(
    tmp_path: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(tmp_path)
    with disk_full_at(20):
        await append(spool, [resource], [span(n) for n in (1, 2, 3)])
        assert await spool.read(2) is not None
    await spool.close()
    again = await opened(tmp_path)
    assert await drained(again) == ["span 1", "span 2", "span 3"]
    await again.close()


async def test_memory_is_bounded_too(
    tmp_path: Path, resource: Resource, span: Callable[..., Span], caplog: pytest.LogCaptureFixture
) -> None:
    spool = await Spool.open(None, 20_000)
    await append(spool, [resource], [span(number) for number in range(100)])
    lost = spool.dropped["spool"]
    assert 50 < lost < 100
    await spool.set_aside([span(1)], 1, "nowhere to put it")
    assert await drained(spool, 3) == [f"span {number}" for number in range(lost, 100)]
    await append(spool, [resource], [span(1)])
    await spool.close()
    assert spool.dropped["spool"] == lost + 1
    assert "1 records are lost" in caplog.text


async def test_the_file_of_the_rejected_is_bounded(tmp_path: Path, span: Callable[..., Span]) -> None:
    spool = await opened(tmp_path)
    big = span(1, attributes={"a": "x" * 60_000})
    for _ in range(40):  # 2.4 MB
        await spool.set_aside([big], 1, "no")
    assert sorted(file.name for file in tmp_path.glob("rejected*")) == ["rejected.jsonl", "rejected.old.jsonl"]
    assert all(file.stat().st_size <= MIB for file in tmp_path.glob("rejected*"))
    await spool.close()


async def test_what_was_dropped_is_counted_over_all_lives(
    tmp_path: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(tmp_path, 4096)
    await append(spool, [resource], [span(number) for number in range(60)])
    lost = spool.dropped["spool"]
    assert lost > 30
    again = await opened(tmp_path, 4096)  # the life before was killed
    assert again.dropped == {"spool": lost, "invalid": 0}
    await append(again, [resource], [span(number) for number in range(60)])
    assert again.dropped["spool"] > lost + 30
    await again.close()
    await spool.close()
    for broken in ("", "{", '{"spool":"many"}'):
        (tmp_path / "counts.json").write_text(broken)
        assert Spool(tmp_path, 4096).dropped == {"spool": 0, "invalid": 0}


async def test_what_is_in_memory_is_not_safe(tmp_path: Path, resource: Resource, span: Callable[..., Span]) -> None:
    spool = await opened(tmp_path)
    assert await append(spool, [resource], [span(1)])
    with disk_full_at(20):
        assert not await append(spool, [resource], [span(2)])
        assert await drained(spool) == ["span 1", "span 2"]
        assert await spool.flush()
        await append(spool, [resource], [span(3)])
        assert await spool.read(9) is not None
        assert not await spool.flush(), "it is on its way and not there"
    await spool.close()


async def test_a_spool_that_is_deleted_under_us_is_counted_and_goes_on_in_memory(
    tmp_path: Path, resource: Resource, span: Callable[..., Span], caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "traces"
    directory.mkdir()
    spool = await opened(directory)
    await append(spool, [resource], [span(n) for n in (1, 2, 3)])
    batch = await spool.read(1)
    assert batch is not None
    await spool.commit(batch)
    shutil.rmtree(directory)
    await append(spool, [resource], [span(4)])
    await append(spool, [resource], [span(5)])
    assert "cannot be written (it was deleted)" in caplog.text
    assert not await spool.flush()
    # What was read from the file before it went is in memory anyway.
    names = await drained(spool)
    assert names == ["span 2", "span 3", "span 4", "span 5"]
    assert spool.dropped == {"spool": 0, "invalid": 0}
    await spool.close()


async def test_what_was_in_a_deleted_segment_is_counted(
    tmp_path: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    directory = tmp_path / "traces"
    directory.mkdir()
    spool = await opened(directory)
    await append(spool, [resource], [span(n) for n in (1, 2, 3)])
    shutil.rmtree(directory)
    await append(spool, [resource], [span(4)])
    assert await drained(spool) == ["span 4"]
    assert spool.dropped == {"spool": 0, "invalid": 3}
    await spool.close()


async def test_want_of_descriptors_is_no_reason_to_leave_a_segment_out(
    tmp_path: Path, resource: Resource, span: Callable[..., Span], monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = await opened(tmp_path)
    await append(spool, [resource], [span(1)])

    async def read(segments: Segments, number: int, start: int = 0) -> bytes:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(Segments, "read", read)
        with pytest.raises(OSError, match="Too many open files"):
            await spool.read(9)
    assert await drained(spool) == ["span 1"]
    await spool.close()
