"""Reading the frames of all threads does not hang a process whose garbage is collected meanwhile, on any Python."""

from __future__ import annotations

import subprocess

import pytest

from support.built import PYTHONS
from support.paths import SIDECAR, VICTIMS
from support.supervised import environment


@pytest.mark.parametrize("how", ["agent", "disabling"])
@pytest.mark.parametrize("version", PYTHONS)
def test_nothing_is_collected_while_the_interpreter_is_locked_and_what_the_program_disables_stays_so(
    version: str, how: str
) -> None:
    command = [PYTHONS[version], str(VICTIMS / "collecting.py"), how, "2"]
    ended = subprocess.run(
        command, env=environment(PYTHONPATH=str(SIDECAR)), stdout=subprocess.PIPE, timeout=60, check=True
    )
    assert ended.stdout == b"done\n"
