"""A Collector for the accounts of all faults, and the scenes that export to it."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest

from support.backends.collector import Collector
from support.faults.books import Books
from support.faults.scene import Scene, Stage


@pytest.fixture(scope="session")
def kept(otelcol: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Collector, Books]]:
    """A real Collector for all faults, and the books of what it took."""
    folder = tmp_path_factory.mktemp("collector")
    running = Collector(otelcol, folder)
    running.start()
    yield running, Books(folder / "telemetry.jsonl")
    running.stop()


@pytest.fixture
def outage(kept: tuple[Collector, Books]) -> Iterator[Collector]:
    """That Collector, to be stopped; it runs again afterwards."""
    yield kept[0]
    kept[0].stop()
    kept[0].start()


@pytest.fixture
def stage(kept: tuple[Collector, Books], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Makes a scene whose sidecars export to that Collector, named as the test."""
    made: list[Scene] = []

    def make(**environ: str) -> Scene:
        row = request.node.name.removeprefix("test_")
        made.append(Scene(row, tmp_path, kept[1], {**kept[0].environment("http/protobuf"), **environ}))
        return made[-1]

    yield make
    for scene in made:
        scene.close()
