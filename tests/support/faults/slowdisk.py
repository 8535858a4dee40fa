"""A disk that is as slow as a test wants it, or stands still: a file system in user space, in a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.built import found
from support.waiting import eventually

STILL = 3600.0  # seconds that a call takes on a disk that stands still
_PROGRAM = Path(__file__).parent / "passthrough.py"


class SlowDisk:
    """A mounted disk; quick until set otherwise.

    Args:
        behind: a folder for what is on it.
    """

    def __init__(self, mount: Path, behind: Path) -> None:
        self.mount = mount
        self.behind = behind / "disk"
        self.pace = behind / "pace"

    def takes(self, seconds: float) -> None:
        """Each call takes so long from now on, and those that wait already."""
        descriptor = os.open(self.pace, os.O_WRONLY | os.O_CREAT, 0o600)
        os.pwrite(descriptor, b"%-32g" % seconds, 0)
        os.close(descriptor)

    def stands_still(self) -> None:
        """No call returns until `takes` is called."""
        self.takes(STILL)


@contextlib.contextmanager
def slow_disk(mount: Path, behind: Path) -> Iterator[SlowDisk]:
    """Mounts a disk at `mount` that keeps its files in `behind`; skips the test where none can be mounted."""
    library = found("libfuse")
    disk = SlowDisk(mount, behind)
    mount.mkdir(exist_ok=True)
    disk.behind.mkdir(parents=True)
    disk.takes(0)
    command = [sys.executable, str(_PROGRAM), str(disk.behind), str(mount), str(disk.pace)]
    process = subprocess.Popen(command, env={**os.environ, "FUSE_LIBRARY_PATH": library}, stderr=subprocess.PIPE)
    try:
        eventually(lambda: os.path.ismount(mount) or process.poll() is not None, 60)
        if process.poll() is not None:
            assert process.stderr is not None
            pytest.skip(f"nothing can be mounted here: {process.stderr.read().decode().strip()}")
        yield disk
    finally:
        process.kill()  # whoever waits for a call of it gets an error
        process.communicate()
        subprocess.run(["umount", "--lazy", str(mount)], check=False, capture_output=True)
