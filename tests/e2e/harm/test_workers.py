"""Processes that a main process starts know what they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WORKERS = """
import multiprocessing, os, sys
from lifesign.agent.identity import _is_worker

def say(name):
    os.write(1, f"{name} {_is_worker()}\\n".encode())

if __name__ == "__main__":
    say("program")
    for way in "fork", "spawn":
        child = multiprocessing.get_context(way).Process(target=say, args=(way,))
        child.start()
        child.join()
    pid = os.fork()
    if not pid:
        os.execv(sys.executable, [sys.executable, "-c", "from workers import say; say('another program')"])
    os.waitpid(pid, 0)
"""


def test_a_worker_knows_that_it_is_one(tmp_path: Path) -> None:
    (tmp_path / "workers.py").write_text(WORKERS)
    command = [sys.executable, "workers.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True).stdout
    assert said.splitlines() == ["program False", "fork True", "spawn True", "another program False"]
