"""Synthetic work: whatever happens inside is tagged, across awaits, tasks and ``to_thread``."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Iterator

_synthetic: ContextVar[bool] = ContextVar("lifesign_synthetic", default=False)

is_synthetic = _synthetic.get


@contextmanager
def synthetic() -> Iterator[None]:
    """Tags all that happens inside, in this task and those it starts, as synthetic traffic."""
    token = _synthetic.set(True)
    try:
        yield
    finally:
        _synthetic.reset(token)
