"""A command line of `lifesign`, run in the test's own process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from lifesign.cli.main import main


class Ended(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def processes(document: str | bytes) -> list[dict[str, Any]]:
    """What a command has printed with ``--json`` of each process."""
    content = json.loads(document)
    assert (content["schema"], set(content)) == (1, {"schema", "processes"})
    return list(content["processes"])


def caller(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Calls `lifesign` with the given arguments."""

    def call(*argv: str) -> Ended:
        capfd.readouterr()
        code = main(argv)
        out, err = capfd.readouterr()
        return Ended(code, out, err)

    return call
