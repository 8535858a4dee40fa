"""A wall clock that can be set, for real programs, by libfaketime."""

from __future__ import annotations

import os
from pathlib import Path

from support.built import found
from support.paths import VICTIMS

_FAKETIME = VICTIMS / "faketime"


class WallClock:
    """The wall clock of all that runs under `environ`; the monotonic one goes on as it does."""

    def __init__(self, library: str, file: Path) -> None:
        self._file = file
        self.set(0)
        self.environ = {
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(_FAKETIME), os.environ.get("PYTHONPATH")))),
        }

    def set(self, seconds: int) -> None:
        """So far from the right time."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)

    @classmethod
    def made(cls, file: Path) -> WallClock:
        """One that keeps its offset in `file`; skips the test where libfaketime cannot be had."""
        return cls(found("libfaketime"), file)
