"""What asyncio complains of, on every Python at hand: it prints what it prints without lifesign, and lifesign knows."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lifesign.wire.folder import open_directory
from lifesign.wire.reader import PulseReader
from support import victims
from support.built import PYTHONS

PROGRAM = """
import asyncio, gc, warnings

async def fails():
    raise ValueError("no price")

async def never():
    pass

async def waits():
    await asyncio.get_running_loop().create_future()

def raises(secret):
    raise KeyError("a")

async def main():
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(fails(), name="consumer")
    await asyncio.sleep(0.01)
    del task
    loop.call_soon(raises, "hunter2")
    task = asyncio.create_task(waits(), name="lost")
    await asyncio.sleep(0.01)
    del task
    gc.collect()
    never()
    warnings.simplefilter("error")
    never()
    await asyncio.sleep(0.3)

asyncio.run(main())
"""


def printed(python: str, program: Path, environ: dict[str, str]) -> str:
    ran = subprocess.run([python, str(program)], env=environ, stderr=subprocess.PIPE, timeout=60, check=True)
    # Whether a task or its coroutine is collected first is chance.
    return re.sub(r"0x[0-9a-f]+|(?: done,)? (?:defined|running) at \S+", "", ran.stderr.decode())


@pytest.mark.parametrize("version", PYTHONS)
def test_complaints_are_records_and_what_is_printed_stays_as_it_is(version: str, tmp_path: Path) -> None:
    program, directory = tmp_path / "program.py", tmp_path / "run"
    program.write_text(PROGRAM)
    directory.mkdir()
    environ = victims.environment(directory)
    without = {name: value for name, value in environ.items() if name != "LIFESIGN_DIR"}
    assert printed(PYTHONS[version], program, environ) == printed(PYTHONS[version], program, without)

    (folder,) = victims.folders(directory)
    reader = PulseReader(open_directory(str(folder)))
    records: list[dict[str, Any]] = [json.loads(record.payload) for record in reader.ring().records]
    (died,) = (record for record in records if record["kind"] == "task_died")
    assert (died["task"], died["place"]["line"]) == ("consumer", 5)
    complaints = {record["text"]: record for record in records if record["kind"] == "asyncio_complaint"}
    lost, unawaited = (
        complaints["Task was destroyed but it is pending!"],
        complaints["coroutine 'never' was never awaited"],
    )
    assert (lost["task"], lost["function"], lost["place"]["file"]) == ("lost", "waits", str(program))
    assert unawaited["place"] in [{"function": "main", "file": str(program), "line": line} for line in (26, 28)]
    assert complaints["Exception in callback raises"]["place"]["line"] == 14
    assert "hunter2" not in json.dumps(records)
