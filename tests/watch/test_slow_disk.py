"""While the disk does not come back the watcher goes on looking, and forgets nothing."""

from __future__ import annotations

import asyncio
from typing import Any, Callable

import pytest

from lifesign.watch import watcher
from lifesign.watch.telemetry import Span
from support.made.reported import DRY_RUN, names
from support.waiting import eventually


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], asyncio.Event]:
    """Puts a sidecar on a disk that stands still until the event is set, and has no poll wait for it."""

    def put(sidecar: Any) -> asyncio.Event:
        monkeypatch.setattr(watcher, "_SAVE_SECONDS", 0.001)
        sidecar.disk = asyncio.Event()
        return sidecar.disk  # type: ignore[no-any-return]

    return put


async def test_polls_go_on_while_the_disk_stands_still(
    main: Callable[..., Any], sidecar: Callable[..., Any], still: Callable[[Any], asyncio.Event]
) -> None:
    service = main()
    watching = sidecar()
    still(watching)
    await watching.poll()
    service.pulse.ring.append(DRY_RUN)
    assert names(await watching.poll()) == ["dry_run order"]
    service.beat(age=0.0)
    await watching.poll()
    assert watching.snapshots[0].state == "healthy"


async def test_what_the_disk_does_not_have_is_emitted_again_and_what_it_has_is_not(
    main: Callable[..., Any], sidecar: Callable[..., Any], still: Callable[[Any], asyncio.Event]
) -> None:
    service = main()
    watching = sidecar()
    disk = still(watching)
    service.pulse.ring.append(DRY_RUN)
    (reported,) = await watching.poll()
    service.pulse.ring.append({**DRY_RUN, "id": "e" * 16})
    await watching.poll()
    assert [span.id for span in await sidecar().poll() if isinstance(span, Span)] == [reported.id, "e" * 16]
    disk.set()
    await watching.cursors.wait(60)
    assert await sidecar().poll() == []


async def test_the_ring_keeps_what_there_is_no_room_for(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "_KEEP_SECONDS", -1.0)
    service = main()
    watching = sidecar()
    watching.has_room = False
    service.pulse.ring.append(DRY_RUN)
    service.die()
    assert names(await watching.poll()) == ["boot"]
    await watching.poll()
    assert service.folder.exists(), "there is something in it"
    assert watching.snapshots[0].state == "dead"
    watching.has_room = True
    assert "dry_run order" in names(await watching.poll())
    await watching.poll()
    assert not service.folder.exists()


async def test_a_poll_that_takes_long_is_no_gap_in_the_watching(
    main: Callable[..., Any], sidecar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    main()
    watching = sidecar()
    poll = watching.watcher._poll

    def slow(*arguments: Any) -> Any:
        noted = watching.watcher._awake
        eventually(lambda: watching.watcher._awake > noted, 60)
        return poll(*arguments)

    monkeypatch.setattr(watching.watcher, "_poll", slow)
    await watching.poll()
    assert len(watching.snapshots) == 1
