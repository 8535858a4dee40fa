"""Programs that call the public API at the wrong moment with the wrong arguments, each in a process of its own."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import NamedTuple

from support.paths import ROOT

_CALLER = Path(__file__).with_name("caller.py")
_SECONDS = 60.0
DIRECTORIES = ("there", "gone", "read-only", "full", "unset")


class Circumstances(NamedTuple):
    """Where such a program runs; `descriptors` is how many it has left for a while, 0 for enough."""

    directory: str
    descriptors: int
    calls: int
    seed: int


class Programs:
    """Makes one program after the other suffer."""

    def suffer(self, rng: Random) -> bool:
        directory = rng.choice(("there", *DIRECTORIES))
        descriptors = rng.randrange(1, 7) if rng.random() < 0.3 else 0
        ends_well(Circumstances(directory, descriptors, rng.randrange(10, 80), rng.getrandbits(32)))
        return directory == "there"


def ends_well(here: Circumstances) -> None:
    """Raises AssertionError with what such a program found.

    It must end in time, with status 0 and without a word.
    """
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LIFESIGN_")}
    with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as run:
        # `/proc` takes no folder from anybody, not even from root.
        places = {"gone": f"{run}/gone", "read-only": "/proc", "unset": ""}
        environ |= {"LIFESIGN_DIR": places.get(here.directory, run), "PYTHONPATH": str(ROOT / "sidecar")}
        line = [sys.executable, str(_CALLER), str(here.seed), str(here.calls), str(here.descriptors)]
        try:
            done = subprocess.run(
                line,
                env=environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
                preexec_fn=_no_room if here.directory == "full" else None,
            )
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{here}: it hangs") from None
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), f"{here}: {done.stdout}{done.stderr}"


def _no_room() -> None:
    """No file may be as long as a pulse; Python ignores the signal of that."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, 64 << 10))
