"""What the commands make is writable for us alone, whatever the umask."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_no_command_makes_what_others_may_write(tmp_path: Path) -> None:
    inject = ("inject", str(tmp_path / "one" / "two"))
    run = ("run", "--dir", str(tmp_path / "three" / "run"), "--", "/bin/true")
    for arguments in (inject, run):
        ended = subprocess.run([sys.executable, "-m", "lifesign", *arguments], umask=0, capture_output=True)
        assert ended.returncode == 0, ended

    assert len([*tmp_path.rglob("*")]) > 20
    assert [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o022] == []
