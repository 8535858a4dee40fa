"""The agent's own imports: at its first call or when a loop starts, beside whatever others import.

They are never in the watchdog's thread, and a signal may come in the middle of one.

Python 3.15.0 and 3.15.1 could deadlock where threads import at the same time, and with lazy imports (PEP 810) whoever
uses a module first imports it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lifesign.wire.reader import PulseReader
from support import victims
from support.built import PYTHONS

HOW = [(version, lazy) for version in PYTHONS for lazy in ("normal", "all") if version == "3.15" or lazy == "normal"]
FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.02", "LIFESIGN_HEARTBEAT_TIMEOUT": "0.3", "LIFESIGN_STALL_THRESHOLD": "0.1"}

# A loop that is blocked, and all that the watchdog does about it; asyncio itself is imported before.
WATCHED = """
import sys, time, asyncio, _thread
found, main_thread = [], _thread.get_ident()
asyncio.Future

class Finder:
    def find_spec(self, name, path=None, target=None):
        if _thread.get_ident() != main_thread:
            found.append(name)

sys.meta_path.insert(0, Finder())

async def main():
    import lifesign
    lifesign.event("order")
    asyncio.create_task(asyncio.sleep(60))
    await asyncio.sleep(0.2)
    time.sleep(0.9)
    await asyncio.sleep(0.1)
    lifesign.dump_tasks()
    await asyncio.sleep(0.3)

asyncio.run(main())
print(found)
"""

AT_ONCE = """
import asyncio, importlib, threading
NAMES = ("email.mime.multipart", "xml.dom.minidom", "concurrent.futures.process", "http.server", "sqlite3", "decimal",
         "multiprocessing.managers", "unittest.mock", "wsgiref.simple_server", "zipfile", "tarfile", "csv")
together = threading.Barrier(12)

def loop():
    together.wait()
    asyncio.run(asyncio.sleep(0.05))

def imports(names):
    together.wait()
    for name in names:
        importlib.import_module(name)

threads = [threading.Thread(target=loop) for _ in range(8)]
threads += [threading.Thread(target=imports, args=(NAMES[number:] + NAMES[:number],)) for number in range(0, 12, 3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("all came back")
"""


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


@pytest.mark.parametrize(("version", "lazy"), HOW)
def test_the_watchdogs_thread_imports_nothing(version: str, lazy: str, tmp_path: Path) -> None:
    environ = {**FAST, "PYTHON_LAZY_IMPORTS": lazy}
    with victims.start([PYTHONS[version], "-c", WATCHED], tmp_path, environ) as process:
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, errors, said) == (0, b"", b"[]\n")
    (folder,) = victims.folders(tmp_path)
    kinds = {json.loads(one.payload)["kind"] for one in PulseReader(os.open(folder, os.O_RDONLY)).ring().records}
    assert {"stall", "task_dump", "task_group", "stall_culprit"} <= kinds


@pytest.mark.parametrize(("version", "lazy"), HOW)
def test_loops_that_start_while_others_import_come_back(version: str, lazy: str, tmp_path: Path) -> None:
    for turn in range(3):
        directory = tmp_path / str(turn)
        directory.mkdir()
        with victims.start([PYTHONS[version], "-c", AT_ONCE], directory, {"PYTHON_LAZY_IMPORTS": lazy}) as process:
            said, errors = process.communicate(timeout=60)
        assert (process.returncode, errors, said) == (0, b"", b"all came back\n")
        assert len(victims.folders(directory)) == 1


def test_a_call_in_the_middle_of_the_first_import_is_nothing(tmp_path: Path) -> None:
    line = [sys.executable, "-c", DURING_THE_FIRST_IMPORT]
    environ = {**os.environ, "LIFESIGN_DIR": str(tmp_path)}
    done = subprocess.run(line, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("['here', ('', {})] 32\n", "")
