"""A sidecar remembers boots: they are saved when there are new ones, and at its end, which no disk holds up."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from lifesign.cli.sidecar import boots as boots_module
from lifesign.cli.sidecar.boots import RememberedBoots
from lifesign.watch.boots import Boots, read
from support.made.boards import snapshot
from support.waiting import until


async def test_a_boot_that_is_complete_is_saved_beside_the_loop(tmp_path: Path) -> None:
    remembered = RememberedBoots(lambda: Boots(tmp_path / "b"))

    def saved() -> object:
        (same,) = remembered.compared([snapshot(instance="i1")])
        assert same == snapshot(instance="i1")
        return read(tmp_path / "b")

    await until(saved)
    await remembered.close()
    assert sum(map(len, read(tmp_path / "b").values())) == 1


async def test_its_end_waits_for_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boots_module, "_PATIENCE_S", 0.01)
    hangs, boots = threading.Event(), Boots(tmp_path / "b")
    boots.note([snapshot()])
    monkeypatch.setattr(boots, "save", hangs.wait)
    remembered = RememberedBoots(lambda: boots)
    await until(lambda: remembered.compared([snapshot()]) and remembered._boots)
    await asyncio.wait_for(remembered.close(), 30)
    hangs.set()


async def test_its_beginning_waits_for_no_disk_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boots_module, "_PATIENCE_S", 0.01)
    hangs = threading.Event()

    def read_slowly() -> Boots:
        hangs.wait()
        return Boots(tmp_path / "b")

    remembered = RememberedBoots(read_slowly)
    assert remembered.compared([snapshot()]) == [snapshot()]
    await asyncio.wait_for(remembered.close(), 30)
    hangs.set()
