"""Real limits of the kernel, version 1 or 2, for a process of the tests; needs to be root."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Iterator, Mapping

import pytest

from support.waiting import eventually

ROOT = Path("/sys/fs/cgroup")


@contextlib.contextmanager
def limited(controller: str, pid: int, one: Mapping[str, str], two: Mapping[str, str]) -> Iterator[None]:
    """Puts a process into a control group of its own for as long as the context lasts.

    Args:
        one: what to write into which file where the machine has cgroup v1.
        two: the same for v2.
    """
    hierarchy, limits = (ROOT / controller, one) if (ROOT / controller / "cgroup.procs").exists() else (ROOT, two)
    group = hierarchy / f"lifesign-test-{os.getpid()}"
    try:
        if limits is two and controller not in (ROOT / "cgroup.controllers").read_text().split():
            pytest.skip(f"this machine has no {controller} controller")
        if limits is two and controller not in (ROOT / "cgroup.subtree_control").read_text().split():
            (ROOT / "cgroup.subtree_control").write_text(f"+{controller}")
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        for name, value in limits.items():
            (group / name).write_text(value)
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for left in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (hierarchy / "cgroup.procs").write_text(left)
        eventually(lambda: _removed(group))


def _removed(group: Path) -> bool:
    try:
        group.rmdir()
    except OSError:
        return False
    return True
