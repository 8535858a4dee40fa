"""A sidecar that ends between any two steps of its spool: nothing is lost, nothing is counted twice.

A kill is played by a copy of the spool's directory, taken at that moment and opened anew.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from pathlib import Path
from typing import Any, Callable

import pytest

from lifesign.export.queue.disk import DiskQueue
from lifesign.export.queue.segments import Segments
from lifesign.export.queue.spool import Spool
from lifesign.watch.telemetry import Resource, Span
from support.made.spools import append, disk_full_at, drained, opened, segments

LIMIT = 8192  # so a segment has 1024 bytes, room for the resource and about seven spans


class Killed:
    """The directory of a spool as a kill right now would leave it, opened by the next life."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lives = 0

    async def __call__(self) -> Spool:
        self._lives += 1
        copy = self._directory.with_name(f"life-{self._lives}")
        shutil.copytree(self._directory, copy)
        return await opened(copy, LIMIT)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "traces"
    made.mkdir()
    return made


async def _books(spool: Spool) -> tuple[int, dict[str, int]]:
    """How many are delivered, and what is counted in the end."""
    names = await drained(spool)
    assert len(names) == len(set(names))
    found = len(names), spool.dropped
    await spool.close()
    return found


async def test_a_batch_on_its_way_whose_turn_to_be_dropped_it_is(
    directory: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(directory, LIMIT)
    await append(spool, [resource], [span(number) for number in range(10)])
    assert await spool.read(3) is not None
    for number in range(10, 100):
        await append(spool, [resource], [span(number)])
    assert spool.dropped["spool"] > 10
    assert sum(file.stat().st_size for file in segments(directory)) <= LIMIT
    there, dropped = await _books(await Killed(directory)())
    assert there + dropped["spool"] == 100
    await spool.close()
    there, dropped = await _books(await opened(directory, LIMIT))
    assert there + dropped["spool"] == 100, "an exit is no worse than a kill"


async def test_killed_between_the_count_of_a_segment_and_its_end(
    directory: Path, resource: Resource, span: Callable[..., Span], monkeypatch: pytest.MonkeyPatch
) -> None:
    remove, kills = Segments.remove, list[Path]()

    async def removed(self: Segments, number: int) -> None:
        if not kills:
            kills.append(directory.with_name("at-the-kill"))
            shutil.copytree(directory, kills[0])
        await remove(self, number)

    monkeypatch.setattr(Segments, "remove", removed)
    spool = await opened(directory, LIMIT)
    number = 0
    while not kills:
        await append(spool, [resource], [span(number)])
        number += 1
    await spool.close()
    there, dropped = await _books(await opened(kills[0], LIMIT))
    assert there + dropped["spool"] == number


async def test_what_cannot_be_read_is_counted_once_however_often_it_is_read(
    directory: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(directory)
    await append(spool, [resource], [span(number) for number in range(4)])
    await spool.close()
    [file] = segments(directory)
    kept = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*kept[:2], b"torn\n", *kept[2:]]))
    for _ in range(3):
        life = await opened(directory)
        assert await life.read(2) is not None
        await life.close()
    there, dropped = await _books(await opened(directory))
    assert (there, dropped["invalid"]) == (4, 1)


async def test_what_is_refused_counts_when_the_batch_is_done_with(
    directory: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(directory)
    await append(spool, [resource], [span(1), span(2)])
    batch = await spool.read(9)
    assert batch is not None
    await spool.set_aside(batch.records[:1], 1, "no")
    killed = Killed(directory)
    again = await killed()
    assert again.rejected == 0
    await again.close()
    await spool.commit(batch)
    assert spool.rejected == 1
    again = await killed()
    assert (again.rejected, again.size) == (1, 0)
    await again.close()
    await spool.close()


async def test_a_cursor_needs_no_room_on_the_disk(
    directory: Path, resource: Resource, span: Callable[..., Span], monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = await opened(directory)
    await append(spool, [resource], [span(1), span(2)])
    batch = await spool.read(1)
    assert batch is not None
    open_file = os.open

    def full(path: Any, flags: int, *more: Any, **how: Any) -> int:
        if flags & os.O_CREAT and not os.path.lexists(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        return open_file(path, flags, *more, **how)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", full)
        await spool.commit(batch)
    assert await drained(await Killed(directory)()) == ["span 2"]
    await spool.close()


async def test_what_comes_during_a_read_goes_to_disk_all_the_same(
    directory: Path, resource: Resource, span: Callable[..., Span], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_disk, entered, gate = DiskQueue.read, asyncio.Event(), asyncio.Event()

    async def read(self: DiskQueue, limit: int) -> Any:
        found = await read_disk(self, limit)
        entered.set()
        await gate.wait()
        return found

    monkeypatch.setattr(DiskQueue, "read", read)
    spool = await opened(directory)
    reading = asyncio.create_task(spool.read(9))
    await entered.wait()
    spool.put([resource], [span(1)])
    gate.set()
    assert await reading is None
    assert await spool.flush()
    assert await drained(await Killed(directory)()) == ["span 1"]
    await spool.close()


async def test_a_batch_out_of_memory_is_written_when_the_disk_works_again(
    directory: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(directory)
    killed = Killed(directory)
    with disk_full_at(20):
        assert not await append(spool, [resource], [span(number) for number in range(5)])
        batch = await spool.read(3)
        assert batch is not None
        assert batch.end is None
        assert not await spool.flush()
    assert await spool.flush()
    assert await drained(await killed()) == [f"span {number}" for number in range(5)]
    await spool.commit(batch)
    assert len(await drained(spool)) == 5, "three of them for the second time, recognisable by their ids"
    await spool.close()


async def test_an_active_segment_that_cannot_be_read_is_left_and_another_begun(
    directory: Path, resource: Resource, span: Callable[..., Span]
) -> None:
    spool = await opened(directory)
    await append(spool, [resource], [span(1), span(2)])
    [file] = segments(directory)
    file.unlink()
    assert await spool.read(9) is None
    await append(spool, [resource], [span(3)])
    assert await drained(spool) == ["span 3"]
    assert spool.dropped == {"spool": 0, "invalid": 2}
    await spool.close()


@pytest.mark.parametrize("size", [0, 300])
async def test_a_segment_that_was_cut_short_is_counted_and_the_next_is_read(
    directory: Path, resource: Resource, span: Callable[..., Span], size: int
) -> None:
    spool = await opened(directory)
    await append(spool, [resource], [span(number) for number in range(5)])
    [file] = segments(directory)
    os.truncate(file, size)
    await append(spool, [resource], [span(5)])
    names = await drained(spool)
    assert len(names) + spool.dropped["invalid"] == 6
    await append(spool, [resource], [span(6)])
    assert await drained(spool) == ["span 6"]
    await spool.close()


async def test_counts_that_cannot_be_read_at_first_are_not_forgotten(
    directory: Path, resource: Resource, span: Callable[..., Span], monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = await opened(directory)
    await append(spool, [resource], [span(1), span(2), span(3)])
    batch = await spool.read(1)
    assert batch is not None
    await spool.set_aside(batch.records, 1, "no")
    await spool.commit(batch)
    await spool.close()
    with monkeypatch.context() as patched:
        patched.setattr(os, "read", _fails)
        with pytest.raises(OSError, match="Input/output error"):  # whoever starts it tries again
            await opened(directory)
    again = await opened(directory)
    assert await drained(again) == ["span 2", "span 3"]
    assert again.rejected == 1
    await again.close()


@pytest.mark.parametrize("times", [1, 9, 10])
async def test_a_segment_of_an_earlier_life_has_some_tries(
    directory: Path, resource: Resource, span: Callable[..., Span], monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    spool = await opened(directory)
    await append(spool, [resource], [span(number) for number in range(5)])
    await spool.close()
    again = await opened(directory)
    with monkeypatch.context() as patched:
        patched.setattr("lifesign.export.queue.segments.aiofiles.open", _fails)
        for _ in range(min(times, 9)):
            with pytest.raises(OSError, match="Input/output error"):
                await again.read(9)
        if times > 9:
            assert await again.read(9) is None
    names = await drained(again)
    assert len(names) == (5 if times < 10 else 0)
    assert again.dropped["invalid"] >= 5 - len(names)
    await again.close()


def _fails(*_: object, **__: object) -> Any:
    raise OSError(errno.EIO, "Input/output error")
