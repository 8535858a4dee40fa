"""What `lifesign why` says of a victim, and where its source says what is wrong."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lifesign.cli.main import main
from support import victims
from support.commands import processes
from support.waiting import eventually


@contextlib.contextmanager
def ready(command: Sequence[str], directory: Path, settings: Mapping[str, str]) -> Iterator[None]:
    """A victim that has said that it is ready, and can be seen in the run directory; it is killed in the end."""
    with victims.start(list(command), directory, settings) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            eventually(lambda: victims.folders(directory))
            yield
        finally:
            process.kill()


def why(directory: Path, heartbeat_timeout: str = "1s") -> dict[str, Any]:
    """What is said of the one process of a run directory.

    The command runs in the test's own process: it is given again and again, and a Python starts longer than it looks.
    """
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = main(["why", "--json", "--dir", str(directory), "--heartbeat-timeout", heartbeat_timeout])
    assert code == 0, said.getvalue()
    (seen,) = processes(said.getvalue())
    # On a busy machine it may also be short of processor time, which is no fault of the victim's.
    return {**seen, "causes": [cause for cause in seen["causes"] if cause["word"] != "starved"]}


def looks(directory: Path, number: int, heartbeat_timeout: str = "1s") -> Iterator[dict[str, Any]]:
    """What is said of it again and again, half a second apart: long enough for what would be wrong to show."""
    for _ in range(number):
        time.sleep(0.5)
        yield why(directory, heartbeat_timeout)


def line_of(program: Path, comment: str) -> int:
    """The number of the line that ends in this comment."""
    lines = enumerate(program.read_text().splitlines(), 1)
    (found,) = (number for number, line in lines if line.endswith(f"# {comment}"))
    return found
