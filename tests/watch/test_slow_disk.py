"""While the disk does not come back the watcher goes on looking, and forgets nothing."""

from __future__ import annotations

import asyncio
from typing import Any, Callable

import pytest

from lifesign.watch import watcher
from lifesign.watch.telemetry import Span
from support.made.told import DRY_RUN, names
from support.waiting import eventually


class Disk:
    """Comes back when it is told to."""

    def __init__(self) -> None:
        self.back = asyncio.Event()

    async def settle(self) -> bool:
        await self.back.wait()
        return True


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Disk]:
    """Puts a sidecar on a disk that stands still, and has no look wait for it."""

    def put(sidecar: Any) -> Disk:
        disk = Disk()
        monkeypatch.setattr(watcher, "_SAVE_SECONDS", 0.001)
        monkeypatch.setattr(sidecar.watcher._keeper, "_settle", disk.settle)
        return disk

    return put


async def test_looks_go_on_while_the_disk_stands_still(
    main: Callable[..., Any], sidecar: Callable[..., Any], still: Callable[[Any], Disk]
) -> None:
    service = main()
    watching = sidecar()
    still(watching)
    await watching.look()
    service.pulse.ring.append(DRY_RUN)
    assert names(await watching.look()) == ["dry_run order"]
    service.beat(age=0.0)
    await watching.look()
    assert watching.snapshots[0].state == "healthy"


async def test_what_the_disk_does_not_have_is_told_again_and_what_it_has_is_not(
    main: Callable[..., Any], sidecar: Callable[..., Any], still: Callable[[Any], Disk]
) -> None:
    service = main()
    watching = sidecar()
    disk = still(watching)
    service.pulse.ring.append(DRY_RUN)
    (told,) = await watching.look()
    service.pulse.ring.append({**DRY_RUN, "id": "e" * 16})
    await watching.look()
    assert [span.id for span in await sidecar().look() if isinstance(span, Span)] == [told.id, "e" * 16]
    disk.back.set()
    await watching.watcher._keeper.wait(60)
    assert await sidecar().look() == []


async def test_the_ring_keeps_what_there_is_no_room_for(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "_KEEP_SECONDS", -1.0)
    service = main()
    watching = sidecar()
    monkeypatch.setattr(watching.watcher, "_roomy", lambda: False)
    service.pulse.ring.append(DRY_RUN)
    service.die()
    assert names(await watching.look()) == ["boot"]
    await watching.look()
    assert service.folder.exists(), "there is something in it"
    assert watching.snapshots[0].state == "dead"
    monkeypatch.setattr(watching.watcher, "_roomy", lambda: True)
    assert "dry_run order" in names(await watching.look())
    await watching.look()
    assert not service.folder.exists()


async def test_a_look_that_takes_long_is_no_gap_in_the_watching(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    main()
    watching = sidecar()
    look = watching.watcher._look

    def slow(*arguments: Any) -> Any:
        noted = watching.watcher._awake
        eventually(lambda: watching.watcher._awake > noted, 60)
        return look(*arguments)

    monkeypatch.setattr(watching.watcher, "_look", slow)
    await watching.look()
    assert len(watching.snapshots) == 1
