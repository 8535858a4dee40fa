"""What every alert must say, and a page for each that says more."""

from __future__ import annotations

import re
from typing import Any

import yaml

from support.paths import ROOT
from support.rows import rows

RULES = yaml.safe_load((ROOT / "collector-config" / "alerts.yaml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
NAMES = {
    "HeartbeatMissed", "HeartbeatLost", "EventSilence", "BootFailed", "PostConditionFailed",
    "ProcessDied", "ProcessDegraded", "TaskLeak", "EventLoopDelayHigh", "SidecarPipelineDown", "RecordsDropped",
}  # fmt: skip


def name(alert: dict[str, Any]) -> str:
    return str(alert["alert"])


def test_the_eleven_alerts() -> None:
    assert {name(alert) for alert in ALERTS} == NAMES


@rows("alert", ALERTS, ids=name)
def test_an_alert_says_how_bad_who_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("critical", "warning")
    summary = alert["annotations"]["summary"]
    assert len(re.findall(r"\. [A-Z]", summary)) == 1  # what is the matter, and what to do
    if name(alert) != "SidecarPipelineDown":  # it stands for all of them
        assert "{{ $labels.job }}" in summary
        assert "{{ $labels.instance }}" in summary
        assert "target_info" in alert["annotations"]["where"]


@rows("alert", ALERTS, ids=name)
def test_an_alert_has_a_runbook(alert: dict[str, Any]) -> None:
    path = alert["annotations"]["runbook_url"]
    assert path == f"collector-config/runbooks/{name(alert)}.md"
    page = (ROOT / path).read_text()
    assert page.startswith(f"# {name(alert)}\n")
    assert re.findall(r"^## (.*)", page, re.MULTILINE) == ["What it means", "How to look", "What to do"]


def test_no_runbook_is_left_over() -> None:
    assert {path.stem for path in (ROOT / "collector-config" / "runbooks").iterdir()} == NAMES


@rows("alert", ALERTS, ids=name)
def test_an_alert_has_a_history(alert: dict[str, Any]) -> None:
    assert (ROOT / "tests" / "alerts" / f"{name(alert)}.yaml").exists()


def test_the_documents_list_them() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text()
    assert set(re.findall(r"^\| \[`(\w+)`\]\(\.\./collector-config/runbooks/\1\.md\) \|", page, re.MULTILINE)) == NAMES
