"""A process that is PID 1 and does not handle SIGTERM is said to be that."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lifesign.cli.query import pid_one
from support.mainprocess import Main
from support.rows import rows


@rows(
    ("key", "caught", "said"),
    [
        ("1-00000001", "0000000000000002", True),  # SIGINT alone
        ("1-00000002", "0000000000004002", False),  # SIGTERM, too
        ("7-00000001", "0000000000000002", False),
    ],
)
def test_it_is_a_cause(
    cli: Callable[..., Any],
    main: Callable[..., Main],
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
    caught: str,
    said: bool,
) -> None:
    service = main(key)
    monkeypatch.setattr(pid_one, "read_kernel_file", lambda _path: f"Name:\tpython\nSigCgt:\t{caught}\n".encode())
    code, out, _ = cli("why", "--timeout", "0.01", "--dir", str(run))
    assert code == 0
    assert (pid_one.SENTENCE in out, pid_one.HINT in out) == (said, said)
    service.die()
    shutil.rmtree(service.folder)


def test_where_it_cannot_be_seen_nothing_is_said(
    cli: Callable[..., Any], main: Callable[..., Main], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main("1-00000001")
    monkeypatch.setattr(pid_one, "holder", lambda _life: 0)
    assert pid_one.SENTENCE not in cli("status", "--dir", str(run)).out
