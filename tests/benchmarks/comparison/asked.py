"""What watches the service, each with how it is asked and what it answers."""

from __future__ import annotations

import contextlib
import html
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Callable, NamedTuple

from benchmarks import bench
from benchmarks.comparison.page import ILLNESSES
from support.otlp_server import HttpServer
from support.paths import SIDECAR

SHOP = str(bench.VICTIMS / "shop.py")
HEALTHY = 4.0  # seconds before it falls ill
ASKED_AFTER = 15.0  # seconds after which whoever has to be asked is asked
AGAIN_AFTER = 5.0  # seconds
WATCHED = 60.0  # seconds for what speaks by itself
OUTPUT_MAX = 20_000  # characters
PROBE_PERIOD, PROBE_TIMEOUT, PROBE_FAILURES = 10.0, 1.0, 3  # of a kubelet, as they are by default


class Answer(NamedTuple):
    """What somebody says of an illness; who has to be asked was `asked` then, and `took` so long.

    `known` and `asked` are seconds from the start of the illness, `used` the processor seconds of the one who asked.
    """

    output: str
    known: float | None = None
    asked: float | None = None
    took: float | None = None
    used: float | None = None

    def without_places(self, python: str) -> Answer:
        """Without the folders of this machine."""
        output = self.output.replace(f"{bench.VICTIMS}/", "").replace(f"{Path(python).parent}/", "")
        return self._replace(output=re.sub(r"(?:/[\w.-]+)+/(?=lib/python3|bin/python3)", "", output)[:OUTPUT_MAX])


class Service(NamedTuple):
    """One run of the service that has fallen ill."""

    process: subprocess.Popen[str]
    pid: int
    port: int
    ill: int  # wall clock nanoseconds
    said: list[tuple[int, str]]  # what it has written to standard error since then, with the wall clock

    def since(self, at: int | None = None) -> float:
        return ((at or time.time_ns()) - self.ill) / 1e9

    def wait_until(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds - self.since()))


def start(command: list[str], environ: dict[str, str], illness: str, stack: contextlib.ExitStack) -> Service:
    """Starts the service, lets it be healthy for a while, and fall ill."""
    process = subprocess.Popen(
        command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    stack.enter_context(process)
    stack.callback(process.kill)
    assert process.stdin is not None
    assert process.stdout is not None
    pid, port = map(int, process.stdout.readline().split()[1:])
    stack.callback(_kill, pid)
    time.sleep(HEALTHY)
    process.stdin.write("\n")
    process.stdin.flush()
    service = Service(process, pid, port, int(process.stdout.readline()), [])
    threading.Thread(target=_listen, args=(service,), daemon=True).start()
    return service


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _listen(service: Service) -> None:
    assert service.process.stderr is not None
    for line in service.process.stderr:
        service.said.append((time.time_ns(), line.rstrip("\n")))


def _command(*command: str) -> Answer:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    took = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Answer(ended.stdout + ended.stderr, None, ASKED_AFTER, took, used)


def by_command(*words: str) -> Callable[[str, str], Answer]:
    """Of a program that is called when somebody has noticed; ``{python}``, ``{bin}`` and ``{pid}`` are filled in."""

    def ask(python: str, illness: str) -> Answer:
        with contextlib.ExitStack() as stack:
            service = start([python, SHOP, illness], bench.environment(), illness, stack)
            service.wait_until(ASKED_AFTER)
            places = {"python": python, "bin": str(Path(python).parent), "pid": service.pid}
            return _command(*(word.format(**places) for word in words))

    return ask


def by_itself(*more: str, **environ: str) -> Callable[[str, str], Answer]:
    """Of something inside that writes to standard error."""

    def ask(python: str, illness: str) -> Answer:
        with contextlib.ExitStack() as stack:
            service = start([python, SHOP, illness, *more], bench.environment(**environ), illness, stack)
            service.wait_until(WATCHED)
            said = "\n".join(line for _, line in service.said)
            return Answer(said, service.since(service.said[0][0]) if service.said else None)

    return ask


def probe(python: str, illness: str) -> Answer:
    with contextlib.ExitStack() as stack:
        service = start([python, SHOP, illness], bench.environment(), illness, stack)
        failures = 0
        service.wait_until(PROBE_PERIOD / 2)  # it falls ill at any moment between two probes
        while service.since() < WATCHED:
            answered = False
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", service.port), PROBE_TIMEOUT) as connection,
            ):
                answered = connection.recv(16) == b"ok\n"
            failures = 0 if answered else failures + 1
            if failures == PROBE_FAILURES:
                return Answer(f"no answer within {PROBE_TIMEOUT:g} s, {failures} times: restart", service.since())
            time.sleep(PROBE_PERIOD)
        return Answer("")


def aiomonitor(python: str, illness: str) -> Answer:
    with contextlib.ExitStack() as stack:
        service = start([python, SHOP, illness, "aiomonitor"], bench.environment(), illness, stack)
        service.wait_until(ASKED_AFTER)
        address, began, lines = f"http://127.0.0.1:{service.port}", time.monotonic(), list[str]()
        try:
            form = urllib.parse.urlencode({"filter": "", "persistent": "false"}).encode()
            with urllib.request.urlopen(f"{address}/api/live-tasks", form, timeout=20) as answer:
                tasks = json.load(answer)["tasks"]
            for task in tasks:
                lines.append(f"{task['task_id']} {task['state']} {task['name']} {task['coro']} {task['since']}")
            for task in tasks[:20]:  # a page each
                url = f"{address}/trace-running?{urllib.parse.urlencode({'task_id': task['task_id']})}"
                with urllib.request.urlopen(url, timeout=20) as answer:
                    found = re.findall(r"(?s)<(?:h2|pre) [^>]*>(.*?)</(?:h2|pre)>", answer.read().decode())
                lines += [line for part in found for line in html.unescape(part).splitlines() if line.strip()]
        except OSError as error:
            lines.append(f"{type(error).__name__}: {error}")
        return Answer("\n".join(lines), None, ASKED_AFTER, time.monotonic() - began)


def instrumented(python: str, illness: str) -> Answer:
    """`opentelemetry-instrument` with its system metrics, which exports every 5 s."""
    server = HttpServer()
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        environ = bench.environment(
            OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
            OTEL_TRACES_EXPORTER="otlp_proto_http",
            OTEL_METRICS_EXPORTER="otlp_proto_http",
            OTEL_LOGS_EXPORTER="otlp_proto_http",
            OTEL_METRIC_EXPORT_INTERVAL="5000",
        )
        instrument = str(Path(python).with_name("opentelemetry-instrument"))
        service = start([instrument, python, SHOP, illness], environ, illness, stack)
        service.wait_until(7.0)  # what began before has arrived
        before = len(server.requests)
        service.wait_until(WATCHED)
        kinds = [kind for kind, _ in server.requests[before:]]
        counts = {kind: kinds.count(kind) for kind in ("metrics", "traces", "logs")}
        return Answer("pushes since: {metrics} of metrics, {traces} of spans, {logs} of logs".format(**counts))


def lifesign(python: str, illness: str) -> Answer:
    server = HttpServer()
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        state, run = stack.enter_context(_folder()), stack.enter_context(_folder())
        more = {"XDG_STATE_HOME": state, "LIFESIGN_DIR": run, "LIFESIGN_EVENTS": "order=5s"}
        environ = bench.environment(PYTHONPATH=str(SIDECAR), OTEL_EXPORTER_OTLP_ENDPOINT=server.url, **more)
        ours = [sys.executable, "-m", "lifesign"]
        service = start([*ours, "run", "--", python, SHOP, illness], environ, illness, stack)
        known, said, asked, took = None, "", ASKED_AFTER, 0.0
        while service.since() < WATCHED:
            logs = "".join(str(request) for kind, request in server.requests if kind == "logs")
            if known is None and any(f'"{name}"' in logs for name in ILLNESSES[illness].called):
                known = service.since()
            if service.since() >= asked:
                began = time.monotonic()
                command = [*ours, "why"]
                said = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60).stdout
                took = time.monotonic() - began
                if "\n  " in said:  # a cause, below the state
                    break
                asked += AGAIN_AFTER
            time.sleep(0.1)
        return Answer(said, known, asked, took)


def _folder() -> contextlib.AbstractContextManager[str]:
    return tempfile.TemporaryDirectory(dir=bench.memory(), ignore_cleanup_errors=True)
