"""The committed dashboard is what its generator makes, fits Grafana's model, and its links lead somewhere."""

from __future__ import annotations

import copy
import json
import re
import runpy
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from lifesign.judge.states import STATES
from support.paths import CONFIGS
from support.rows import rows

GRAFANA = CONFIGS / "grafana"
DASHBOARD = json.loads((GRAFANA / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = {variable["name"] for variable in DASHBOARD["templating"]["list"]}


def test_the_committed_file_is_what_the_generator_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(GRAFANA))
    made = runpy.run_path(str(GRAFANA / "dashboard.py"))["dashboard"]()

    assert made == (GRAFANA / "dashboard.json").read_text(), "run collector-config/grafana/dashboard.py"


register_default_plugins()  # the kinds of panels and of queries, which have models of their own


def lost(given: Any, read: Any, at: str = "") -> Iterator[str]:
    """Where something is that is not as it was, once the model has read it; what it adds are defaults."""
    if isinstance(given, dict) and isinstance(read, dict):
        for key, value in given.items():
            yield from lost(value, read[key], f"{at}/{key}") if key in read else [f"{at}/{key}"]
    elif isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        for index, pair in enumerate(zip(given, read)):
            yield from lost(*pair, f"{at}/{index}")
    elif given != read:
        yield at


def modelled(board: Any) -> Any:
    return json.loads(JSONEncoder().encode(Dashboard.from_json(board)))


def test_it_fits_the_model_that_grafana_publishes() -> None:
    assert list(lost(DASHBOARD, modelled(DASHBOARD))) == []


@rows(
    "part",
    [
        ("panels", 1),
        ("panels", 1, "options"),
        ("panels", 1, "targets", 0),
        ("panels", 1, "fieldConfig", "defaults"),
        ("templating", "list", 0),
    ],
)
def test_what_the_model_has_not_is_found(part: tuple[Any, ...]) -> None:
    board = copy.deepcopy(DASHBOARD)
    inner = board
    for key in part:
        inner = inner[key]
    inner["nonsense"] = 1
    assert list(lost(board, modelled(board))) == ["/" + "/".join(map(str, (*part, "nonsense")))]


def test_panels_are_told_apart_and_lie_side_by_side() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)


def test_every_state_has_its_word_its_rank_and_its_query() -> None:
    (strip,) = (panel for panel in PANELS if panel["title"] == "Heartbeat strip")
    ((mapping,), (target,)) = strip["fieldConfig"]["defaults"]["mappings"], strip["targets"]

    words = {shown["text"]: rank for rank, shown in mapping["options"].items()}

    assert set(words) == set(STATES)
    asked = dict(re.findall(r'lifesign_state="(\w+)"} \* (\d)', target["expr"]))
    assert asked == words
    assert [max(words, key=words.__getitem__), min(words, key=words.__getitem__)] == ["dead", "stopped"]


def test_real_and_synthetic_events_are_never_in_one_panel() -> None:
    counting = [
        (panel["title"], target["expr"])
        for panel in PANELS
        for target in panel["targets"]
        if "lifesign_events_total" in target["expr"]
    ]
    assert len(counting) == 3
    for title, expression in counting:
        assert (
            'user_agent_synthetic_type!=""' if "Synthetic" in title else 'user_agent_synthetic_type=""'
        ) in expression


def links(node: Any) -> Iterator[str]:
    """The addresses of all data links."""
    if isinstance(node, dict):
        if "targetBlank" in node:
            yield node["url"]
        for value in node.values():
            yield from links(value)
    elif isinstance(node, list):
        for value in node:
            yield from links(value)


@rows("link", sorted(set(links(PANELS))))
def test_a_link_opens_a_query_of_a_data_source_of_the_dashboard(link: str) -> None:
    assert set(re.findall(r"\$\{(\w+)\}", link)) <= VARIABLES | {"__from", "__to"}
    path, _, query = re.sub(r"\$\{[\w.]+\}", "filled", link).partition("?")
    fields = dict(urllib.parse.parse_qsl(query, strict_parsing=True))
    (pane,) = json.loads(fields["panes"]).values()
    (asked,) = pane["queries"]

    assert (path, fields["schemaVersion"]) == ("/explore", "1")
    assert asked["datasource"]["type"] in ("jaeger", "loki")
    assert asked["service"] == "filled" if asked["datasource"]["type"] == "jaeger" else "filled" in asked["expr"]


def test_links_lead_to_traces_and_logs() -> None:
    everything = "".join(links(PANELS))
    for word in ("boot", "postconditions", "eventloop%20blocked", "user_agent.synthetic.type", "service_name"):
        assert word in everything
