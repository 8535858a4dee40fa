"""How many files somebody has to read who follows one thing through lifesign: no more than these."""

from __future__ import annotations

import pytest

from tools.journey import travel

MOST = {"checkpoint": 23, "blocked": 35, "dryrun": 31}


@pytest.mark.parametrize("name", MOST)
def test_a_journey_enters_no_more_files(name: str) -> None:
    found = travel(name)
    print({side: list(files) for side, files in found.items()})
    assert "wire/lane.py" in found["agent"]
    assert "wire/reader.py" in found["sidecar"]
    assert sum(map(len, found.values())) <= MOST[name]
