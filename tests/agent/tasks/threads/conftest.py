"""Threads whose variables can be seen."""

from __future__ import annotations

import threading

import pytest


@pytest.fixture(autouse=True)
def untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thread that is traced, as coverage does it, no variables are read up to Python 3.12."""
    monkeypatch.setattr(threading, "_trace_hook", None)
