"""The agent on every Python at hand, from 3.9 on; `make test` says which there are."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import lifesign
from lifesign.wire.reader import PulseReader
from support import victims
from support.built import PYTHONS
from support.paths import VICTIMS

EVERYTHING = VICTIMS / "everything.py"
MIXED = VICTIMS / "mixed.py"
PACKAGE = Path(lifesign.__file__).parents[1]


def read(folder: Path) -> tuple[PulseReader, dict[str, list[dict[str, Any]]]]:
    reader = PulseReader(os.open(folder, os.O_RDONLY))
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for lane in (reader.boot(), reader.ring()):
        assert (lane.missed, lane.torn, lane.refused) == (0, [], 0)
        for record in lane.records:
            decoded = json.loads(record.payload)
            by_kind.setdefault(decoded["kind"], []).append(decoded)
    return reader, by_kind


@pytest.mark.parametrize("version", PYTHONS)
def test_everything_works(version: str, tmp_path: Path) -> None:
    process = victims.start([PYTHONS[version], str(EVERYTHING)], tmp_path, {"LIFESIGN_EVENTS": "order=30s"})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (7, b"", b"")
    main, *children = sorted(
        victims.folders(tmp_path), key=lambda folder: not folder.name.startswith(f"{process.pid}-")
    )
    assert main.name.startswith(f"{process.pid}-")
    assert len(children) == 2
    for child in children:
        assert json.loads(read(child)[0].tombstone() or b"{}")["how"] == "clean"

    reader, records = read(main)
    identity = json.loads(reader.identity())
    assert identity["python"].startswith(version + ".")
    assert identity["command"] == "everything.py"
    vitals = reader.vitals()
    assert {event.name: event.real for event in vitals.events} == {"order": 50, "signal": 50}
    assert sum(signs.beats for signs in vitals.loops if signs) > 20
    assert len([signs for signs in vitals.loops if signs]) == 2  # a second loop ran in a thread
    names = {record["name"] for record in records["checkpoint"]}
    assert {"config loaded", "broker connected", "first event received", "post-conditions"} <= names
    assert records["boot_ended"][0]["outcome"] == "failed"
    assert len(records["postconditions"]) >= 2  # at the end of the boot, and when asked; again if a loop ends meanwhile
    assert len(records["dry_run"]) == 3
    (summary,) = records["task_dump"]
    biggest = records["task_group"][0]
    assert biggest["count"] == 120
    assert [frame["function"] for frame in biggest["stack"]] == ["consume", "numbers", "sleep"]
    assert summary["tasks"] >= 121
    assert json.loads(reader.tombstone() or b"{}")["how"] == "clean"


@pytest.mark.parametrize("version", PYTHONS)
def test_a_dry_run_starts_by_itself_and_is_told_apart(version: str, tmp_path: Path) -> None:
    dry = {"DRY_RUN": "1", "DRY_RUN_RATE": "100", "DRY_RUN_PATTERN": "burst"}
    process = victims.start([PYTHONS[version], str(MIXED)], tmp_path, dry)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, b"", b"")
    reader, records = read(victims.folders(tmp_path)[0])
    counts = {event.name: (event.real > 0, event.synthetic) for event in reader.vitals().events}
    handled = sum(one["handled"] + one["failed"] for one in records["dry_run_totals"][-1]["types"])
    assert counts == {"order": (True, handled), "real order": (True, 0), "synthetic order": (False, handled)}
    assert {one["type"]: one["error"] is None for one in records["dry_run"]} == {
        "trade": True,
        "order": False,
        "position": True,
    }
    marks = {one["name"]: one["synthetic"] for one in records["checkpoint"]}
    assert (marks["real checkpoint"], marks["synthetic checkpoint"]) == (False, True)


@pytest.mark.parametrize("version", PYTHONS)
def test_the_base_install_runs_the_program_and_says_what_is_missing(version: str, tmp_path: Path) -> None:
    command = [PYTHONS[version], "-c", "import sys; print('works'); sys.exit(9)"]
    finished = subprocess.run(
        [PYTHONS[version], "-S", "-m", "lifesign", "run", "--", *command],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (finished.returncode, finished.stdout) == (9, "works\n")
    assert "pip install 'lifesign[sidecar]'" in finished.stderr
    assert "Traceback" not in finished.stderr


INTERRUPTED = """
    import asyncio, signal

    class TooLate(Exception):
        pass

    def too_late(*_):
        raise TooLate

    signal.signal(signal.SIGALRM, too_late)
    loop = asyncio.new_event_loop()
    signal.setitimer(signal.ITIMER_REAL, 0.005)  # while the agent is imported, in this first loop
    try:
        loop.run_until_complete(asyncio.Event().wait())
    except TooLate:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        print("closed")
"""


@pytest.mark.parametrize("version", PYTHONS)
def test_a_signal_handler_that_raises_while_the_agent_starts_leaves_the_loop_whole(
    version: str, tmp_path: Path
) -> None:
    assert victims.output(INTERRUPTED, tmp_path, python=Path(PYTHONS[version])) == "closed"


NOTHING_LEFT = """
    import asyncio, os, resource, time

    class Slow:
        def __del__(self, sleep=time.sleep):
            sleep(1.0)  # the watchdog wants to beat while the interpreter finalizes

    asyncio.run(asyncio.sleep(0.1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    files = []
    try:
        while True:
            files.append(os.dup(0))
    except OSError:
        print("none left", flush=True)
    slow = Slow()
"""


@pytest.mark.parametrize("version", PYTHONS)
def test_a_program_that_ends_with_no_descriptor_left_ends_as_it_would(version: str, tmp_path: Path) -> None:
    assert victims.output(NOTHING_LEFT, tmp_path, python=Path(PYTHONS[version])) == "none left"
