"""The stack of `make stack` on free ports, with the demo's keyboard in the hand of the test."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.paths import CONFIGS
from support.supervised import environment, started
from support.waiting import eventually

STACK = CONFIGS / "stack.py"
PATIENCE = 90.0


class Stack:
    """A running stack.

    Args:
        process: of `stack.py`.
        log: the file that takes what it and its demo say.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def said(self) -> str:
        return self._log.read_text()

    def wait_until_open(self) -> None:
        """Waits for the demo to run, and reads where all listens."""

        def is_open() -> bool:
            assert self.process.poll() is None, self.said
            return "the order desk is open" in self.said

        eventually(is_open, PATIENCE, 0.05)
        self.jaeger, self.prometheus, self.alertmanager, self.page, self.otlp = (
            re.findall(rf"^stack: {word} +(http://[0-9.:]+)", self.said, re.MULTILINE)[0]
            for word in ("traces", "metrics", "alerts", "page", "OTLP")
        )
        self.logs = Path(re.findall(r"^stack: logs +(.+)$", self.said, re.MULTILINE)[0])

    def type(self, letter: str) -> None:
        """Types a letter into the demo."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{letter}\n".encode())
        self.process.stdin.flush()

    def metrics(self, query: str) -> list[dict[str, Any]]:
        """What Prometheus answers now."""
        answer = get(f"{self.prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}")
        return list(answer["data"]["result"])

    def spans(self, service: str) -> set[str]:
        """The names of the spans that Jaeger has of a service."""
        traces = get(f"{self.jaeger}/api/traces?service={service}&limit=100")["data"] or []
        return {span["operationName"] for trace in traces for span in trace["spans"]}


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return json.load(answer)


@contextmanager
def stacked(otelcol: str, jaeger: str, prometheus: Path, alertmanager: Path, folder: Path) -> Iterator[Stack]:
    """A stack whose demo is open; all of it is put down in the end."""
    command = [sys.executable, str(STACK), "--free-ports", f"--otelcol={otelcol}", f"--jaeger={jaeger}"]
    log = folder / "stack.log"
    environ = environment(LIFESIGN_METRIC_INTERVAL="1", TMPDIR=str(folder))
    del environ["LIFESIGN_PAGE_ADDR"]
    with (
        open(log, "wb") as out,
        started(
            [*command, f"--prometheus={prometheus}", f"--alertmanager={alertmanager}"],
            environ,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            start_new_session=True,
        ) as process,
    ):
        stack = Stack(process, log)
        stack.wait_until_open()
        yield stack
