"""What the commands of the pages are typed into."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.documented.scene import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)
