"""The shipped routing in a real Alertmanager: one message for one trouble."""

from __future__ import annotations

import json
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.backends.components import Component
from support.backends.ports import free_addresses
from support.paths import CONFIGS
from support.waiting import eventually

CONFIG = CONFIGS / "alertmanager.yaml"


class Inbox:
    """Takes what Alertmanager sends, as a pager would: by receiver, a list of alerts for each message."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, list[dict[str, Any]]]] = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                inbox.messages.append((self.path, [alert["labels"] for alert in message["alerts"]]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def names(self) -> list[str]:
        """The alert of each message."""
        return sorted(alerts[0]["alertname"] for _, alerts in self.messages)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    one = Inbox()
    yield one
    one.close()


class Alertmanager(Component):
    """With the shipped config, but for where messages go, in which form, and how long it collects."""

    def __init__(self, binaries: Path, folder: Path, inbox: Inbox) -> None:
        (self.address,) = free_addresses(1)
        config = yaml.safe_load(CONFIG.read_text())
        config["route"]["group_wait"] = "1s"
        for receiver in config["receivers"]:
            del receiver["slack_configs"]
            receiver["webhook_configs"] = [{"url": f"{inbox.url}/{receiver['name']}"}]
        (folder / "alertmanager.yaml").write_text(yaml.safe_dump(config))
        (folder / "alertmanager.tmpl").write_text((CONFIGS / "alertmanager.tmpl").read_text())
        command = [
            str(binaries / "alertmanager"),
            f"--config.file={folder / 'alertmanager.yaml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        ]
        super().__init__(command, {}, (self.address, "/-/ready"), folder / "alertmanager.log")

    def take(self, *alerts: dict[str, str]) -> None:
        """Alerts as Prometheus sends them."""
        content = json.dumps([{"labels": labels} for labels in alerts]).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{self.address}/api/v2/alerts", content, headers)
        urllib.request.urlopen(request, timeout=30).close()


@pytest.fixture
def alertmanager(alertmanager_binaries: Path, tmp_path: Path, inbox: Inbox) -> Iterator[Alertmanager]:
    with Alertmanager(alertmanager_binaries, tmp_path, inbox) as running:
        yield running


def alert(name: str, instance: str = "a", severity: str = "critical") -> dict[str, str]:
    return {"alertname": name, "job": "shop", "instance": instance, "severity": severity}


def test_the_config_is_well_formed(alertmanager_binaries: Path) -> None:
    command = [str(alertmanager_binaries / "amtool"), "check-config", str(CONFIG)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stderr


def test_a_message_says_what_to_act_on(alertmanager_binaries: Path, tmp_path: Path) -> None:
    labels = {"alertname": "HeartbeatMissed", "job": "shop", "instance": "a"}
    annotations = {
        "summary": "The event loop of shop (a) has not run for 1m 5s.",
        "cause": "blocking-call in render",
        "where": "host node-1, process 42, shop.py",
        "runbook_url": "https://git.example/HeartbeatMissed",
        "trace_url": "https://jaeger.example/search?service=shop",
    }
    fired = {"status": "firing", "labels": labels, "annotations": annotations, "startsAt": "2026-11-29T02:40:00Z"}
    over = {**fired, "status": "resolved", "labels": {**labels, "instance": "b"}, "endsAt": "2026-11-29T02:41:00Z"}
    bare = {**fired, "labels": {**labels, "instance": "c"}, "annotations": {"summary": "No Collector reports."}}
    data = tmp_path / "data.json"
    data.write_text(json.dumps({"status": "firing", "groupLabels": labels, "alerts": [fired, bare, over]}))
    text = '{{ template "lifesign.title" . }}|{{ template "lifesign.message" . }}'
    command = [
        str(alertmanager_binaries / "amtool"), "template", "render", f"--template.glob={CONFIGS / 'alertmanager.tmpl'}",
        f"--template.text={text}", f"--template.data={data}",
    ]  # fmt: skip
    rendered = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert rendered.splitlines() == [
        "HeartbeatMissed: shop (2 instances)|The event loop of shop (a) has not run for 1m 5s.",
        "Cause: blocking-call in render",
        "Since: 2026-11-29 02:40:00 UTC",
        "Where: host node-1, process 42, shop.py",
        "What to do: https://git.example/HeartbeatMissed",
        "Traces: https://jaeger.example/search?service=shop",
        "No Collector reports.",
        "Since: 2026-11-29 02:40:00 UTC",
        "Over: HeartbeatMissed of shop (b)",
    ]


def test_a_service_in_trouble_is_one_message(alertmanager: Alertmanager, inbox: Inbox) -> None:
    alertmanager.take(*(alert("HeartbeatLost", f"pod-{number}") for number in range(300)))
    eventually(lambda: inbox.messages, seconds=60)
    ((receiver, alerts),) = inbox.messages
    assert receiver == "/page"
    assert len({labels["instance"] for labels in alerts}) == 300


def test_a_warning_wakes_nobody(alertmanager: Alertmanager, inbox: Inbox) -> None:
    alertmanager.take(alert("TaskLeak", severity="warning"))
    eventually(lambda: inbox.messages, seconds=60)
    assert [receiver for receiver, _ in inbox.messages] == ["/ticket"]


def test_what_follows_from_a_cause_is_not_told_beside_it(alertmanager: Alertmanager, inbox: Inbox) -> None:
    alertmanager.take(alert("BootFailed"), alert("EventSilence"), alert("EventSilence", "b"))
    eventually(lambda: len(inbox.messages) == 2, seconds=60)
    assert inbox.names() == ["BootFailed", "EventSilence"]
    assert [alerts for _, alerts in inbox.messages if alerts[0]["alertname"] == "EventSilence"] == [
        [alert("EventSilence", "b")]
    ]


def test_without_a_pipeline_only_that_is_told(alertmanager: Alertmanager, inbox: Inbox) -> None:
    alertmanager.take({"alertname": "SidecarPipelineDown", "severity": "critical"})
    eventually(lambda: inbox.messages, seconds=60)
    alertmanager.take(alert("HeartbeatLost"), alert("ProcessDied"))
    # Another trouble without a service is reported all the same, and later than those would have been.
    alertmanager.take({"alertname": "PrometheusDiskFull", "severity": "critical"})
    eventually(lambda: len(inbox.messages) == 2, seconds=60)
    assert inbox.names() == ["PrometheusDiskFull", "SidecarPipelineDown"]
