"""The agent is imported when it is first called, and a signal may come in the middle of that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

DURING_THE_FIRST_IMPORT = """
import signal, sys
import lifesign

def handler(*_):
    lifesign.event("tick")
    with lifesign.checkpoint("tick"):
        pass
    lifesign.postcondition("tick")(handler)
    said.append((lifesign.boot_trace_id(), lifesign.synthetic_headers()))

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "lifesign.agent.identity" and not said:
            said.append("here")
            signal.raise_signal(signal.SIGUSR1)

said = []
signal.signal(signal.SIGUSR1, handler)
sys.meta_path.insert(0, Interrupt())
lifesign.event("order")
print(said, len(lifesign.boot_trace_id()))
"""


def test_a_call_in_the_middle_of_the_first_import_is_nothing(tmp_path: Path) -> None:
    line = [sys.executable, "-c", DURING_THE_FIRST_IMPORT]
    environ = {**os.environ, "LIFESIGN_DIR": str(tmp_path)}
    done = subprocess.run(line, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("['here', ('', {})] 32\n", "")
