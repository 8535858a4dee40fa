"""CMD ends, and what it started lives on: the sidecar stays with it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from support.supervised import PATIENCE, cmdline, environment, environment_of, run_line, started
from support.waiting import eventually

# A daemon as in the books: it forks twice, lets go of the terminal, and begins its loop a while after its parent ended.
DAEMON = """\
import asyncio, os, signal, sys, time
if os.fork(): os._exit(7)
os.setsid()
if os.fork(): os._exit(0)
for descriptor in (0, 1, 2):
    os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
time.sleep(0.7)
async def main():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, sys.exit)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def sidecar_of(directory: str) -> int | None:
    """The sidecar that watches a run directory."""
    for entry in Path("/proc").iterdir():
        pid = int(entry.name) if entry.name.isdigit() else 0
        if "--supervised" in cmdline(pid) and environment_of(pid).get("LIFESIGN_DIR") == directory:
            return pid
    return None


def test_the_sidecar_stays_with_a_daemon_and_ends_with_it() -> None:
    with started(run_line([sys.executable, "-c", DAEMON]), stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        # Whoever reads the output of CMD does not wait for the daemon.
        said, _ = process.communicate(timeout=PATIENCE)

        assert process.returncode == 7
        found = re.search(rb"still run \((\d+)\).*--dir (\S+)", said)
        assert found, said
        daemon, directory = int(found[1]), found[2].decode()
        eventually(lambda: list(Path(directory).glob(f"{daemon}-*/pulse")))
        assert sidecar_of(directory)

        os.kill(daemon, signal.SIGTERM)
        eventually(lambda: sidecar_of(directory) is None)
        eventually(lambda: not os.path.exists(directory))


def test_what_runs_no_loop_is_not_waited_for() -> None:
    command = run_line(["sh", "-c", "sleep 60 >/dev/null 2>&1 &"], "--boot-timeout", "0.5")
    with started(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        said, _ = process.communicate(timeout=PATIENCE)

        assert process.returncode == 0
        directory = said.decode().split("--dir ")[1].strip()
        eventually(lambda: sidecar_of(directory) is None)
        eventually(lambda: not os.path.exists(directory))
