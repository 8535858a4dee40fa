"""A real watched service to look at, with the agent in it and no sidecar at all."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from support import victims
from support.paths import VICTIMS

_SERVICE = VICTIMS / "service.py"


class Service(NamedTuple):
    """A watched process and its run directory."""

    pid: int
    directory: str


@contextlib.contextmanager
def watched(directory: Path) -> Iterator[Service]:
    """The victim service, ready; killed at the end."""
    with victims.start([sys.executable, str(_SERVICE)], directory) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"ready\n"
            yield Service(process.pid, str(directory))
        finally:
            process.kill()
