"""What a person sees of short stalls in a real service: the commands name the functions, and no probe fails."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

from support import victims
from support.commands import Ended, processes
from support.paths import VICTIMS
from support.waiting import eventually

Cli = Callable[..., Ended]
PATIENCE = 60.0
NEVER = {"count": 0}
LINES = (VICTIMS / "stalling.py").read_text().splitlines()


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(LINES, 1) if text in line)


@contextlib.contextmanager
def stalling(directory: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with victims.start([sys.executable, str(VICTIMS / "stalling.py"), *arguments], directory) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith(b"ready ")
            yield process
        finally:
            process.kill()


def asked(cli: Cli, directory: Path, command: str) -> Any:
    code, out, err = cli(command, "--json", "--dir", str(directory))
    assert (code, err) == (0, "")
    (process,) = processes(out)
    return process


def stalls(cli: Cli, directory: Path) -> dict[str, Any]:
    """The rows of `lifesign stalls`, by function."""
    return {stall["function"]: stall for stall in asked(cli, directory, "stalls")["stalls"] if stall["function"]}


def test_the_functions_are_named_with_their_figures_and_no_probe_fails(cli: Cli, tmp_path: Path) -> None:
    with stalling(tmp_path):

        def often() -> dict[str, Any] | None:
            found = stalls(cli, tmp_path)
            return found if min(found.get(name, NEVER)["count"] for name in ("query", "render")) >= 3 else None

        rows = eventually(often, PATIENCE, 0.3)
        query, render = rows["query"], rows["render"]
        assert (query["line"], render["file"]) == (line_of("time.sleep"), str(VICTIMS / "stalling.py"))
        assert query["computing"] < query["total"] / 2 < query["count"]
        assert (render["task"], render["coroutine"]) == ("order-7", "handle")
        assert [frame["function"] for frame in query["stacks"][0]["stack"]][-2:] == ["main", "query"]

        status = asked(cli, tmp_path, "status")
        assert (status["state"], "stalling" in status["conditions"]) == ("healthy", True)
        why = asked(cli, tmp_path, "why")
        sentences = {cause["function"]: cause["sentence"] for cause in why["causes"] if cause["word"] == "short-stalls"}
        assert sentences["query"].startswith(
            f"query (stalling.py:{line_of('time.sleep')}) waits; this stalled the event"
        )
        shown = cli("stalls", "--dir", str(tmp_path)).out
        assert f"query stalling.py:{line_of('time.sleep')}" in shown
        assert "time.sleep(0.4)" in shown, "the line of source"
        for kind in ("--live", "--ready"):
            assert cli("probe", kind, "--dir", str(tmp_path)).code == 0


def test_one_stall_as_a_service_starts_is_no_condition(cli: Cli, tmp_path: Path) -> None:
    with stalling(tmp_path, "once"):
        eventually(lambda: "query" in stalls(cli, tmp_path), PATIENCE, 0.3)
        status = asked(cli, tmp_path, "status")
        assert "stalling" not in status["conditions"]
        assert [cause for cause in status["causes"] if cause["word"] == "short-stalls"] == []


def type_in(process: subprocess.Popen[bytes], answer: bytes) -> None:
    """A line of nothing, which the service answers."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.stdout.readline() == answer + b"\n"


def test_a_loop_that_spins_is_busy_until_it_pauses_again(cli: Cli, tmp_path: Path) -> None:
    with stalling(tmp_path, "spin") as process:
        type_in(process, b"spins")

        def busy() -> dict[str, Any] | None:
            status: dict[str, Any] = asked(cli, tmp_path, "status")
            return status if "busy" in status["conditions"] else None

        status = eventually(busy, PATIENCE, 0.3)
        (one,) = status["busy"]
        assert (status["state"], one["function"], one["file"]) == ("healthy", "retry", str(VICTIMS / "stalling.py"))
        assert one["in_place"] > one["samples"] / 2
        sentence = next(cause["sentence"] for cause in status["causes"] if cause["word"] == "busy")
        assert "samples in retry (stalling.py:" in sentence
        assert cli("probe", "--live", "--dir", str(tmp_path)).code == 0
        type_in(process, b"spins no more")
        eventually(lambda: busy() is None, PATIENCE, 0.3)
