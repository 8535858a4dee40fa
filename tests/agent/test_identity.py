"""Who the main process says it is."""

from __future__ import annotations

import json
import multiprocessing.process
import os
import sys
import time
from typing import Any, Callable

import pytest

from lifesign.agent import identity


def test_identity(started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/app/desk.py", "--password", "hunter2"])
    pulse = started(
        TRACEPARENT="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        OTEL_SERVICE_NAME="desk",
        OTEL_RESOURCE_ATTRIBUTES="team=a",
    )
    identity = json.loads(pulse.reader.identity())
    assert identity["pid"] == os.getpid()
    assert identity["command"] == "desk.py"
    assert "hunter2" not in str(identity)
    assert (identity["trace"], identity["parent_span"]) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert (identity["otel_service_name"], identity["otel_resource_attributes"]) == ("desk", "team=a")
    assert identity["started"] < time.time_ns()


@pytest.mark.parametrize("traceparent", ["", "nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01"])
def test_a_traceparent_that_is_none_starts_a_trace_of_its_own(started: Callable[..., Any], traceparent: str) -> None:
    pulse = started(TRACEPARENT=traceparent)
    identity = json.loads(pulse.reader.identity())
    assert identity["parent_span"] is None
    assert len(identity["trace"]) == 32
    assert int(identity["trace"], 16) > 0


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["-c"], os.path.basename(sys.executable)),
        (["/x/shop/__main__.py"], "shop"),
        ([], os.path.basename(sys.executable)),
    ],
)
def test_the_command_is_what_its_user_calls_it(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, argv: list[str], command: str
) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    assert json.loads(started().reader.identity())["command"] == command


def test_who_was_made_by_multiprocessing_is_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing.process, "parent_process", lambda: None)
    before = identity._is_worker()
    monkeypatch.setattr(multiprocessing.process, "parent_process", lambda: "the parent")
    assert (before, identity._is_worker()) == (False, True)
