"""A second illness has its own record and its own cause, however long the first one has lasted."""

from __future__ import annotations

import sys
from pathlib import Path

from support.backends.collector import Collector, LogSeen
from support.paths import VICTIMS
from support.supervised import environment, supervised
from support.waiting import eventually

PROGRAM = VICTIMS / "several.py"
(LINE,) = (number for number, line in enumerate(PROGRAM.read_text().splitlines(), 1) if line.endswith("# holds it"))


def test_the_second_event_that_stays_away(tmp_path: Path, collector: Collector) -> None:
    settings = {"LIFESIGN_EVENTS": "audit=1s,order=1s", **collector.environment("http/protobuf")}
    run = tmp_path / "run"
    run.mkdir()

    def silence(name: str) -> LogSeen | None:
        return next(
            (
                log
                for log in collector.logs()
                if log.event == "lifesign.silence" and log.attributes["lifesign.event.name"] == name
            ),
            None,
        )

    with supervised([sys.executable, str(PROGRAM)], "--dir", str(run), env=environment(**settings)) as process:
        order = eventually(lambda: silence("order"), 40.0)
        audit = silence("audit")
        process.process.kill()
    assert audit is not None
    assert audit.attributes.get("lifesign.cause") != "lock-held"
    assert order.body.startswith("promised event 'order' is ")
    assert order.attributes["lifesign.cause"] == "lock-held"
    assert (order.attributes["code.file.path"], order.attributes["code.line.number"]) == (str(PROGRAM), LINE)
