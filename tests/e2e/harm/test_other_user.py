"""A run directory that everybody may write to, and another user who does what harm can be done in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import lifesign

PYTHON = "/usr/bin/python3"  # ours may be in a folder of root's
SERVICE, STRANGER = 65534, 65533
PACKAGE = Path(lifesign.__file__).parent

WORK = """
import asyncio, os, sys
import lifesign

async def main():
    print("ready", flush=True)
    for number in range(100):
        lifesign.event("order")
        lifesign.checkpoint(f"step {number}")
        await asyncio.sleep(0.01)

asyncio.run(main())
print("done", flush=True)
"""

HARM = """
import contextlib, os, sys, time

def harm(path):
    yield lambda: os.truncate(path, 0)
    yield lambda: open(path, "r+b").truncate(0)
    yield lambda: os.chmod(path, 0o777)
    yield lambda: os.chown(path, os.getuid(), -1)
    yield lambda: os.link(path, path + ".link")
    yield lambda: os.rename(path, path + ".away")
    yield lambda: os.mkfifo(path)
    yield lambda: os.symlink("/etc/passwd", path)
    yield lambda: os.unlink(path)

end = time.monotonic() + 5
while time.monotonic() < end:
    for folder, _, files in os.walk(sys.argv[1]):
        for name in files:
            for one in harm(os.path.join(folder, name)):
                with contextlib.suppress(OSError):
                    one()
    time.sleep(0.005)
"""


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that any user can get to and read in; pytest's own are for one user."""
    if os.geteuid() != 0 or not os.access(PYTHON, os.X_OK):
        pytest.skip("only root can be two other users, and they need Debian's Python")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    shutil.copytree(PACKAGE, folder / "package" / "lifesign", ignore=shutil.ignore_patterns("__pycache__"))
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("mode", [0o777, 0o1777], ids=oct)
def test_a_stranger_ends_no_service(mode: int, open_to_all: Path) -> None:
    run = open_to_all / "run"
    run.mkdir()
    run.chmod(mode)
    environ = {
        "PATH": os.environ["PATH"],
        "LIFESIGN_DIR": str(run),
        "LIFESIGN_HEARTBEAT_INTERVAL": "0.02",
        "PYTHONPATH": str(open_to_all / "package"),
    }

    def begun(program: str, user: int, *arguments: str) -> subprocess.Popen[bytes]:
        line = [PYTHON, "-c", program, *arguments]
        who = {"user": user, "group": user, "extra_groups": []}
        return subprocess.Popen(line, env=environ, cwd=run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **who)

    with begun(HARM, STRANGER, str(run)) as stranger:
        for _ in range(2):  # somebody who is there as it starts, and as it works
            with begun(WORK, SERVICE) as service:
                out, err = service.communicate(timeout=60)
            assert (service.returncode, out, err) == (0, b"ready\ndone\n", b"")
        stranger.wait(60)
