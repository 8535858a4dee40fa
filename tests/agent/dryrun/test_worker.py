"""The number of a process within a dry run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lifesign.agent.dryrun import worker


def test_a_worker_beyond_those_that_have_a_number_has_that_of_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "_WORKERS_MAX", 0)
    assert worker.Worker().number(str(tmp_path)) == os.getpid()
