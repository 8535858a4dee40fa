"""Event loops of other people: each is watched, and a call that blocks it is named."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from support.reported import reported
from support.supervised import PATIENCE
from support.waiting import eventually

PROGRAM = """
import asyncio, importlib, sys

async def main():
    await asyncio.sleep(1)
    open("pipe").close()
    await asyncio.sleep(0.5)

loop = importlib.import_module(sys.argv[1]).new_event_loop()
loop.run_until_complete(main())
"""


@pytest.mark.parametrize("name", ["uvloop", "rloop"])
def test_it_is_watched_and_what_blocks_it_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(PROGRAM)
    os.mkfifo(tmp_path / "pipe")  # who opens it waits for who opens its other end
    with reported(tmp_path, sys.executable, "service.py", name, folder=tmp_path) as running:
        eventually(lambda: "blocked" in {record.event for record in running.records()}, PATIENCE, 0.1)
        (tmp_path / "pipe").write_bytes(b"")
        assert running.has_ended() == 0
        events = {event: body for event, body, _ in running.records()}
    assert "main (service.py:6)" in events["blocked"]
    assert events["stopped"].startswith("ended by itself")
