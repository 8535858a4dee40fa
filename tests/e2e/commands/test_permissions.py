"""What the commands make is writable for us alone, whatever the umask."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def test_no_command_makes_what_others_may_write(tmp_path: Path, cli: Callable) -> None:
    before = os.umask(0)
    try:
        assert cli("inject", str(tmp_path / "one" / "two")).code == 0
        assert cli("run", "--dir", str(tmp_path / "three" / "run"), "--", "/bin/true").code == 0
    finally:
        os.umask(before)

    assert len([*tmp_path.rglob("*")]) > 20
    assert [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o022] == []
