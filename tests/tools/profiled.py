"""One side of a journey, under the recorder: ``profiled.py service|sidecar PHASE-FILE FOUND-FILE ARGUMENT...``.

`journey.py` starts it, and says by a byte in the phase file when what happens is part of the journey.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import mmap
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

ACT = 1  # as in `journey.py`
LONG = 100  # items of a list that are looked into


class Recorder:
    """The profile function of a child: which functions are handed the thing that travels, or hand it on.

    Args:
        phase: the byte that says whether the journey goes on.
        markers: texts of which one is in the thing, whatever is made of it: a record, a span, their encodings.
        aside: names of classes and kinds of records that have the text in them too, and files that handle them, on
            no way to where the journey leads.
    """

    def __init__(self, phase: mmap.mmap, markers: Sequence[str], aside: Sequence[str]) -> None:
        self.files: dict[str, list[str]] = {}  # functions by file, in the order in which the thing came to them
        self._phase = phase
        self._markers = markers
        self._bytes = [marker.encode() for marker in markers]
        self._aside = tuple(aside)
        self._package = str(Path(__import__("lifesign").__file__).parent) + os.sep

    def __call__(self, frame: FrameType, what: str, value: Any) -> None:
        code = frame.f_code
        if self._phase[0] != ACT or what not in ("call", "return") or not code.co_filename.startswith(self._package):
            return
        if what == "return":
            there = self._is_in(value)
        else:
            names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
            there = any(self._is_in(frame.f_locals.get(name)) for name in names if name != "self")
        file = code.co_filename.removeprefix(self._package)
        if there and not file.startswith(self._aside):
            names = self.files.setdefault(file, [])
            name = getattr(code, "co_qualname", code.co_name)  # 3.11
            if name not in names:
                names.append(name)

    def _is_in(self, value: Any, depth: int = 4) -> bool:
        if isinstance(value, str):
            return any(marker in value for marker in self._markers)
        if isinstance(value, (bytes, bytearray)):
            return any(marker in value for marker in self._bytes)
        if depth == 0 or isinstance(value, (int, float, type(None))) or type(value).__name__ in self._aside:
            return False
        if isinstance(value, Mapping):
            inner = [one for pair in list(value.items())[:LONG] for one in pair]
            return value.get("kind") not in self._aside and any(self._is_in(one, depth - 1) for one in inner)
        if isinstance(value, (list, tuple, set, frozenset, deque)):
            return any(self._is_in(one, depth - 1) for one in list(value)[:LONG])
        fields = getattr(type(value), "__struct_fields__", ()) or getattr(type(value), "__slots__", ())
        if isinstance(fields, tuple) and type(value).__module__.startswith("lifesign"):
            return any(self._is_in(getattr(value, name, None), depth - 1) for name in fields)
        return False


def recorded(role: str, phase_file: str, found: str, arguments: list[str]) -> None:
    """A child: plays its role under the recorder, and leaves what it found in a file."""
    with open(phase_file, "r+b") as file:
        recorder = Recorder(mmap.mmap(file.fileno(), 1), *json.loads(os.environ["JOURNEY"]))
    threading.setprofile(recorder)
    sys.setprofile(recorder)
    try:
        if role == "service":
            with contextlib.suppress(ImportError):  # the watchdog is a thread that `threading` does not know of
                _profile_threads(import_module("lifesign.agent.native"), recorder)
            service()
        else:
            from lifesign.cli.main import main

            main(arguments)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        Path(found).write_text(json.dumps(recorder.files))


def _profile_threads(native: Any, recorder: Recorder) -> None:
    start = native.start_thread

    def profiled(function: Callable[..., Any], *arguments: Any) -> Any:
        def run(*inner: Any) -> Any:
            sys.setprofile(recorder)
            return function(*inner)

        return start(run, *arguments)

    native.start_thread = profiled


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
