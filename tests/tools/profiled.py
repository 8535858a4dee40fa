"""One side of a journey, under the recorder: ``profiled.py service|sidecar PHASE-FILE FOUND-FILE ARGUMENT...``.

`journey.py` starts it, and says by a byte in the phase file when what happens is part of the journey.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

IDLE, ACT = 1, 2  # as in `journey.py`


class Recorder:
    """The profile function of a child: who was entered by whom, in each phase."""

    def __init__(self, phase: mmap.mmap) -> None:
        self.calls: dict[tuple[int, CodeType, CodeType | None], None] = {}  # in the order in which they came
        self._phase = phase
        self._package = str(Path(__import__("lifesign").__file__).parent) + os.sep

    def __call__(self, frame: FrameType, what: str, _: Any) -> None:
        if what != "call" or not self._ours(frame.f_code):
            return
        caller = frame.f_back
        while caller is not None and not self._ours(caller.f_code):
            if caller.f_code.co_filename.startswith("<frozen importlib") or _is_beginning(caller.f_code):
                break
            caller = caller.f_back
        if caller is not None and caller.f_code.co_filename.startswith("<frozen importlib"):
            return
        by = caller.f_code if caller is not None and self._ours(caller.f_code) else None
        self.calls.setdefault((self._phase[0], frame.f_code, by))

    def _ours(self, code: CodeType) -> bool:
        return code.co_filename.startswith(self._package) and code.co_name != "<module>"

    def journey(self) -> dict[str, list[str]]:
        """The functions of the journey by file, in the order in which the files were entered."""
        idle = {code for phase, code, _ in self.calls if phase == IDLE}
        act = [(code, by) for phase, code, by in self.calls if phase == ACT]
        part = {code for code, _ in act if code not in idle}
        while more := {by for code, by in act if code in part and by is not None} - part:
            part |= more
        found: dict[str, list[str]] = {}
        for code, _ in act:
            if code in part:
                names = found.setdefault(code.co_filename.removeprefix(self._package), [])
                name = getattr(code, "co_qualname", code.co_name)  # 3.11
                if name not in names:
                    names.append(name)
        return found


def _is_beginning(code: CodeType) -> bool:
    """Of an event loop's handle or of a thread: who waits below it called nothing."""
    return code.co_filename.endswith(("asyncio/events.py", "/threading.py"))


def recorded(role: str, phase_file: str, found: str, arguments: list[str]) -> None:
    """A child: plays its role under the recorder, and leaves what it found in a file."""
    with open(phase_file, "r+b") as file:
        recorder = Recorder(mmap.mmap(file.fileno(), 1))
    threading.setprofile(recorder)
    sys.setprofile(recorder)
    try:
        if role == "service":
            service()
        else:
            from lifesign.cli.main import main

            main(arguments)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        Path(found).write_text(json.dumps(recorder.journey()))


def _factory(kind: str) -> Callable[[object, int], dict[str, str]]:
    return lambda _, index: {"type": kind}


def service() -> None:
    """Does what the lines on its standard input say, each answered by a line."""
    import lifesign

    lifesign.start()

    async def handle(_: object) -> None:
        await asyncio.sleep(0)

    async def obey() -> None:
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        print("ready", flush=True)
        while line := (await lines.readline()).decode().strip():
            word, _, rest = line.partition(" ")
            if word == "checkpoint":
                lifesign.checkpoint(rest)
            elif word == "event":
                lifesign.event(rest)
            elif word == "block":
                print("blocked", flush=True)
                while not Path(rest).exists():
                    time.sleep(0.02)
            elif word == "dryrun":
                async with lifesign.DryRun(handle, events=_factory(rest), rate=50, limit=1) as run:
                    await run.wait()
            print("done", flush=True)

    asyncio.run(obey())


if __name__ == "__main__":
    recorded(*sys.argv[1:4], sys.argv[4:])
