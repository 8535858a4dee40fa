"""Profilers read from outside who a process is, while it changes, and a forked child is never taken for its parent."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Callable, Iterator

import pytest

from support import victims
from support.backends.process_context import Found, read
from support.built import PYTHONS
from support.waiting import eventually

ENVIRON = {
    "OTEL_SERVICE_NAME": "shop",
    "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test,note=" + "x" * 900,
}
SERVES = """
import asyncio, sys
async def main():
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
asyncio.run(main())
"""
# Each round another thread publishes, in a mapping of its own.
CHANGES = """
import asyncio, lifesign
async def main():
    lifesign.start(directory())
    print("ready", flush=True)
    while True:
        await asyncio.sleep(0.3)  # it is published with the second beat
        lifesign.stop()
        await asyncio.sleep(0.03)
        lifesign.start(directory())
def directory():
    import os
    return os.environ["LIFESIGN_DIR"]
asyncio.run(main())
"""
# The children look for the mapping that their parent has, fill its place, and end as an interpreter does.
FORKS = """
import asyncio, gc, mmap, os, sys, threading, time
from lifesign.agent.system.context import ProcessContext

def gone(self):
    os.write(2, b"let go of in a process that has it not\\n")

def maps():
    with open("/proc/self/maps") as file:
        return file.read()

threading.Thread(target=asyncio.run, args=(asyncio.sleep(60),), daemon=True).start()
while "OTEL_CTX" not in maps():
    time.sleep(0.01)
ProcessContext.__del__ = gone
for _ in range(3):
    pid = os.fork()
    if not pid:
        filled = [mmap.mmap(-1, 4096) for _ in range(64)]
        gc.collect()
        print("inherited" if "OTEL_CTX" in maps() else "clean", flush=True)
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0
pid = os.fork()
if not pid:
    asyncio.run(asyncio.sleep(60))
    os._exit(0)
print(pid, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(program: str, version: str = "", **environ: str) -> subprocess.Popen[bytes]:
        python = {"python": PYTHONS[version]} if version else {}
        started.append(victims.start(program, tmp_path, {**ENVIRON, **environ}, **python))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def known(pid: int) -> Found:
    found: Found | None = eventually(lambda: read(pid), 60.0)
    assert found is not None
    return found


@pytest.mark.parametrize("version", PYTHONS)
def test_it_can_be_read_from_outside(version: str, start: Callable[..., subprocess.Popen[bytes]]) -> None:
    process = start(SERVES, version)
    assert said(process) == "ready"
    found = known(process.pid)
    run = found.attributes.pop("lifesign.run.id")
    assert found.attributes == {}
    assert found.resource == {
        "service.name": "shop",
        "service.instance.id": run,
        "deployment.environment.name": "test",
        "note": "x" * 900,
    }
    assert process.communicate(b"\n", 20) == (b"", b"")
    assert process.returncode == 0


def test_one_that_does_not_want_it_has_none(start: Callable[..., subprocess.Popen[bytes]], tmp_path: Path) -> None:
    process = start(SERVES, LIFESIGN_PROCESS_CONTEXT="0")
    assert said(process) == "ready"
    (folder,) = victims.folders(tmp_path)
    # The watchdog's second beat is after the moment at which it would be published.
    eventually(lambda: int.from_bytes((folder / "pulse").read_bytes()[12288 + 8 : 12288 + 16], "little") > 3, 60.0)
    assert read(process.pid) is None


def test_a_reader_sees_all_of_it_or_nothing_while_it_changes(start: Callable[..., subprocess.Popen[bytes]]) -> None:
    process = start(CHANGES)
    assert said(process) == "ready"
    first = known(process.pid)
    seen = {first.published}

    def look() -> bool:
        found = read(process.pid)
        if found is not None:
            assert (found.resource, found.attributes) == (first.resource, first.attributes)
            seen.add(found.published)
        return len(seen) > 8

    eventually(look, seconds=60.0)
    assert process.poll() is None


@pytest.mark.parametrize("version", PYTHONS)
def test_a_forked_child_has_none_or_its_own(version: str, start: Callable[..., subprocess.Popen[bytes]]) -> None:
    process = start(FORKS, version, PYTHONWARNINGS="ignore")
    assert [said(process) for _ in range(3)] == ["clean"] * 3
    child = int(said(process))
    parents, childs = known(process.pid), known(child)
    assert childs.attributes["lifesign.run.id"] != parents.attributes["lifesign.run.id"]
    assert childs.resource["service.instance.id"] == childs.attributes["lifesign.run.id"]
    subprocess.run(["kill", "-9", str(child)], check=True)
    assert process.communicate(b"\n", 20) == (b"", b"")
