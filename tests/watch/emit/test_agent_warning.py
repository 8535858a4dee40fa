"""What the agent could not do is the sidecar's to say, not the program's output."""

from __future__ import annotations

from typing import Any

from lifesign.watch.emit.translate import translate
from lifesign.watch.telemetry import Log


def test_a_warning_of_the_agent_is_a_log_record() -> None:
    record: Any = {"kind": "agent_warning", "text": "a beat failed: ValueError: x", "count": 3, "at": 50}
    (log,) = translate(record, "key", "uid", 60)
    assert isinstance(log, Log)
    assert (log.event, log.severity, log.time) == ("lifesign.agent.warning", 13, 50)
    assert log.body == "the agent in the service: a beat failed: ValueError: x"
    assert log.attributes == {"lifesign.agent.warnings": 3}
