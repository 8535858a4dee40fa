"""`lifesign dump` of real programs, on every Python at hand: the tree, and a deadlock named as one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import victims
from support.built import PYTHONS
from support.paths import VICTIMS
from support.waiting import eventually

AWAITING = VICTIMS / "awaiting.py"


def dump(run_directory: Path, *options: str) -> str:
    command = [sys.executable, "-m", "lifesign", "dump", "--dir", str(run_directory), *options]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=30, check=True).stdout


@pytest.mark.parametrize("version", PYTHONS)
def test_who_waits_for_whom_is_shown(version: str, tmp_path: Path) -> None:
    process = victims.start([PYTHONS[version], str(AWAITING)], tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    eventually(lambda: victims.folders(tmp_path))
    drawn = re.sub(r"#\d+ |awaiting\.py:\d+|Task-\d+", "", dump(tmp_path, "--tree"))
    listed = dump(tmp_path)
    process.communicate(timeout=20)

    with_groups = tuple(map(int, version.split("."))) >= (3, 11)
    assert re.search(r"\ndeadlock: (left waits for right|right waits for left) at \n", drawn)
    assert re.search(
        r"\n2 x wait_for \[[a-z, ]+\]  waiting for tasks \[[a-z]+, \.\.\.\]  \n└── \.\.\. 2 x wait_for, deadlock\n",
        drawn,
    )
    if with_groups:  # and here are TaskGroups, whose tasks are waited for too
        below = [line for line in drawn.splitlines() if "└── " in line and "7 x leaf" in line]
        assert below[1] == "└── ... 7 x leaf, above"
        assert re.search(r"\n    awaited by #\d 1 x \w+ \([34] times\), #\d 1 x \w+ \([34] times\)\n", listed)
    else:
        assert "\n1 x gathers []  waiting for gather  \n└── 4 x leaf [, ...]  waiting for sleep  \n" in drawn
    assert f'    File "{AWAITING}", line 15, in gathers\n      await asyncio.gather(*(' in listed
