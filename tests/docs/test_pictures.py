"""The drawings of the guide: of made-up answers here, which the real ones look like."""

from __future__ import annotations

import re
import sys
from typing import Any
from xml.etree import ElementTree

import pytest

from support.paths import DOCS

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(DOCS))
    import pictures

    yield pictures
    del sys.modules["pictures"]


def span(name: str, parent: str | None, start: int, duration: int, **tags: Any) -> dict[str, Any]:
    return {
        "spanID": name,
        "operationName": name,
        "references": [{"spanID": parent, "refType": "CHILD_OF"}] if parent else [],
        "startTime": 1_000_000 + start,
        "duration": duration,
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }


def test_a_span_stands_below_its_parent_and_begins_where_the_trace_does(pictures: Any) -> None:
    failing = {"error": True, "otel.status_description": "why"}
    spans = [span("late", "root", 60, 40), span("root", "elsewhere", 0, 100, **failing), span("early", "root", 10, 20)]

    assert [(bar.name, bar.depth, bar.start, bar.length, bar.error) for bar in pictures.bars({"spans": spans})] == [
        ("root", 0, 0, 100, "why"),
        ("early", 1, 10, 20, None),
        ("late", 1, 60, 40, None),
    ]


def test_a_waterfall_is_to_scale_with_errors_in_red(pictures: Any) -> None:
    spans = [span("root", None, 0, 100, error=True), span("<half>", "root", 50, 50)]

    drawn = ElementTree.fromstring(pictures.waterfall({"spans": spans}))

    _, root, half = drawn.iter(f"{SVG}rect")
    assert float(half.attrib["width"]) == pytest.approx(float(root.attrib["width"]) / 2, abs=0.2)
    assert (root.attrib["fill"], half.attrib["fill"]) == (pictures.BAD, pictures.FINE)
    assert "<half>" in [text.text for text in drawn.iter(f"{SVG}text")]


def test_a_heatmap_draws_what_is_in_a_bucket_and_not_below_it(pictures: Any) -> None:
    cumulative = {"0.1": "3", "1": "3", "+Inf": "4"}
    series = [{"metric": {"le": bound}, "values": [[0, count]]} for bound, count in cumulative.items()]

    drawn = ElementTree.fromstring(pictures.heatmap(series))

    counts = [title.text for title in drawn.iter(f"{SVG}title") if title.text]
    assert counts == ["3", "1"]


def test_a_strip_has_the_colours_and_the_words_of_the_dashboard(pictures: Any) -> None:
    shown = {"1": {"color": "#73bf69", "text": "healthy"}, "5": {"color": "#ff9830", "text": "blocked"}}
    series = [{"metric": {"job": "shop"}, "values": [[0, "1"], [1, "5"], [2, "1"]]}]

    drawn = ElementTree.fromstring(pictures.strip(series, shown))

    fills = [box.attrib["fill"] for box in drawn.iter(f"{SVG}rect")]
    assert fills[1:4] == ["#73bf69", "#ff9830", "#73bf69"]
    assert [text.text for text in drawn.iter(f"{SVG}text")] == ["shop", "healthy", "blocked"]


def test_the_guide_shows_pictures_that_are_there() -> None:
    for name in re.findall(r"\]\((\w[\w.-]+)\)", (DOCS / "seeing.md").read_text()):
        assert (DOCS / name).exists(), name
