"""Three journeys through lifesign, file by file: what somebody has to read who wants to follow them.

    python tests/tools/journey.py [JOURNEY ...]

checkpoint  from `lifesign.checkpoint()` to its span at the Collector
blocked     from a loop that is blocked to its log record at the Collector and to a failing /app/livez
dryrun      from the first event of a dry run to its span at the Collector

A real service and a real `lifesign watch` run under `sys.setprofile`, in all their threads. What travels has a name in
it, and keeps it whatever is made of it: a record, a span, bytes. A journey enters a file when one of its functions is
handed that thing, or returns it.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.otlp_server import HttpServer
from support.waiting import eventually

PATIENCE = 30.0
TIMEOUT = 0.5  # of a heartbeat
STARTING, ACT = range(2)  # what the byte says that we share with what we start
PROFILED = Path(__file__).with_name("profiled.py")

SETTINGS = {
    "LIFESIGN_EVENTS": "order=3600s",  # the boot waits for the first one
    "LIFESIGN_BOOT_TIMEOUT": "3600",
    "LIFESIGN_HEARTBEAT_TIMEOUT": str(TIMEOUT),
    "LIFESIGN_POLL_INTERVAL": "0.05",
    "LIFESIGN_METRIC_INTERVAL": "3600",  # what carries metrics is to be seen carrying a record
    "LIFESIGN_LOG_LEVEL": "error",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "DRY_RUN": "1",
}


class Scene:
    """A service and its sidecar under the recorder, in a folder, with a Collector."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.journey = json.dumps(TRAVELS[name])
        self.collector = HttpServer()
        (folder / "run").mkdir()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.health: int = listener.getsockname()[1]
        for role in ("service", "sidecar"):
            (folder / f"{role}.phase").write_bytes(bytes(1))
        self.watch = self._start(
            "sidecar", "watch", "--dir", str(folder / "run"), "--health-addr", f"127.0.0.1:{self.health}"
        )
        eventually(self.answers, PATIENCE)
        self.main = self._start("service")

    def _start(self, role: str, *arguments: str) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("LIFESIGN_", "OTEL_"))}
        environ = {
            **clean,
            **SETTINGS,
            "JOURNEY": self.journey,
            "LIFESIGN_DIR": str(self.folder / "run"),
            "LIFESIGN_SPOOL_DIR": str(self.folder / "spool"),
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.url,
        }
        files = [str(self.folder / f"{role}.phase"), str(self.folder / f"{role}.json")]
        command = [sys.executable, str(PROFILED), role, *files, *arguments]
        return subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def phase(self, number: int, *roles: str) -> None:
        for role in roles or ("service", "sidecar"):
            with open(self.folder / f"{role}.phase", "r+b") as file:
                file.write(bytes([number]))

    def hears(self, line: str) -> None:
        assert self.main.stdout is not None
        said = self.main.stdout.readline().strip()
        assert said == line, f"the service said {said!r}, not {line!r}"

    def tell(self, line: str, answer: str = "done") -> None:
        assert self.main.stdin is not None
        self.main.stdin.write(line + "\n")
        self.main.stdin.flush()
        self.hears(answer)

    def arrives(self, name: str) -> None:
        """Waits for it, and for what its acknowledgement sets going."""
        eventually(lambda: name in self._exported(), PATIENCE)
        time.sleep(0.5)

    def _exported(self) -> set[str]:
        """The names of spans and events that have arrived."""
        return {span.name for span in self.collector.spans()} | {log.event_name for log in self.collector.logs()}

    def answers(self, path: str = "/livez") -> int:
        """The status that the health server gives; 0 while nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.health, timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError):
            connection.request("GET", path)
            return connection.getresponse().status
        return 0

    def leave(self) -> Iterator[tuple[str, dict[str, list[str]]]]:
        """Ends both; what each of them found."""
        assert self.main.stdin is not None
        self.main.stdin.close()
        self.main.wait(PATIENCE)
        self.watch.send_signal(signal.SIGTERM)
        self.watch.wait(PATIENCE)
        for name, role in (("agent", "service"), ("sidecar", "sidecar")):
            yield name, json.loads((self.folder / f"{role}.json").read_text())

    def close(self) -> None:
        for process in (self.main, self.watch):
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        self.collector.stop()


def checkpoint(scene: Scene) -> None:
    """A mark of a boot that waits for its first event; its span goes out with the boot's trace."""
    scene.tell("checkpoint warm")
    scene.tell("dryrun warm")
    scene.arrives("dry_run warm")
    scene.phase(ACT)
    scene.tell("checkpoint rules loaded")
    scene.phase(STARTING, "service")  # the rest of the boot is another journey in the agent
    scene.tell("event order")
    scene.arrives("checkpoint rules loaded")
    scene.phase(STARTING)


def blocked(scene: Scene) -> None:
    """A loop that does not come back, until its record has arrived and /app/livez has failed."""
    scene.tell("event order")
    scene.arrives("boot")
    eventually(lambda: scene.answers("/app/livez") == 200, PATIENCE)
    scene.phase(ACT)
    scene.tell(f"block {scene.folder / 'enough'}", "blocked")
    scene.arrives("lifesign.eventloop.blocked")
    eventually(lambda: scene.answers("/app/livez") == 503, PATIENCE)
    scene.phase(STARTING)
    (scene.folder / "enough").touch()
    scene.hears("done")


def dryrun(scene: Scene) -> None:
    """The only event of a dry run, from its start; another run has loaded everything before."""
    scene.tell("event order")
    scene.tell("dryrun warm")
    scene.arrives("dry_run warm")
    scene.phase(ACT)
    scene.tell("dryrun trade")
    scene.arrives("dry_run trade")
    scene.phase(STARTING)


JOURNEYS = {"checkpoint": checkpoint, "blocked": blocked, "dryrun": dryrun}
# By journey: texts that name what travels, and what has them in it too but leads elsewhere. The page and metrics are no
# part of the way to a span; the task dump that a blocked loop brings is a journey of its own.
TRAVELS: dict[str, tuple[list[str], list[str]]] = {
    "checkpoint": (["rules loaded"], ["Snapshot", "Unmet", "serve/", "export/metrics.py", "export/exemplars.py"]),
    "blocked": (
        ["eventloop.blocked", "service.<locals>.obey", "has not turned"],
        [
            "task_group",
            "thread_group",
            "agent/tasks/dump.py",
            "agent/tasks/odd.py",
            "agent/tasks/waiting/",
            "agent/stalls/",
            "watch/emit/dumps.py",
            "watch/emit/threads.py",
            "watch/emit/translate.py",
            "judge/causes/leaks.py",
            "judge/causes/newest_dump.py",
            "serve/shown/history.py",
            "export/metrics.py",
            "export/readings.py",
            "export/exemplars.py",
            "watch/boots.py",  # the boot that went before
            "cli/sidecar/boots.py",
            "whole_file.py",  # writes what is there already
            "off_loop.py",  # runs a call in a thread, as asyncio.to_thread does, and hands back what it returns
        ],
    ),
    "dryrun": (["trade"], ["Snapshot", "serve/"]),
}


def travel(name: str) -> dict[str, dict[str, list[str]]]:
    """Goes on a journey; the functions by file, for agent and sidecar."""
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder), name)
        try:
            scene.hears("ready")
            JOURNEYS[name](scene)
            return dict(scene.leave())
        finally:
            scene.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("journeys", nargs="*", metavar="JOURNEY", help="all of them by default")
    parser.add_argument("--functions", action="store_true", help="show the functions too")
    options = parser.parse_args()
    for name in options.journeys or JOURNEYS:
        found = travel(name)
        counts = ", ".join(f"{len(files)} in the {side}" for side, files in found.items())
        print(f"== {name}: {sum(map(len, found.values()))} files, {counts}")
        for side, files in found.items():
            print(f"\n{side}")
            for file, names in files.items():
                print(f"  {file}" + (": " + ", ".join(names) if options.functions else ""))
        print()


if __name__ == "__main__":
    main()
