"""Draws the data of a running stack: ``make stack``, break the demo (b, s, f, r), then ``python docs/pictures.py``.

Traces come from Jaeger's query API, the strip and the heatmap from Prometheus by the dashboard's own queries. The
pictures are drawings of real data, not screenshots.
"""

from __future__ import annotations

import argparse
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

DOCS = Path(__file__).parent
DASHBOARD = DOCS.parent / "collector-config" / "grafana" / "dashboard.json"
WIDTH, LABELS, ROW = 1000, 330, 24
INK, FINE, BAD = "#24292f", "#5794f2", "#f2495c"


class Bar(NamedTuple):
    """A span of a waterfall; times in microseconds since the trace began."""

    name: str
    depth: int
    start: int
    length: int
    error: str | None


def bars(trace: dict[str, Any]) -> list[Bar]:
    """The spans of a trace of the query API, each below its parent, by their start."""
    spans = sorted(trace["spans"], key=lambda span: (span["startTime"], -span["duration"]))
    begin = spans[0]["startTime"]
    known = {span["spanID"] for span in spans}
    below: dict[str, list[dict[str, Any]]] = {}
    for span in spans:
        parents = [one["spanID"] for one in span["references"] if one["spanID"] in known]
        below.setdefault(parents[0] if parents else "", []).append(span)

    def walk(parent: str, depth: int) -> list[Bar]:
        found = []
        for span in below.get(parent, ()):
            tags = {tag["key"]: tag["value"] for tag in span["tags"]}
            error = tags.get("otel.status_description", "error") if tags.get("error") else None
            found.append(Bar(span["operationName"], depth, span["startTime"] - begin, span["duration"], error))
            found += walk(span["spanID"], depth + 1)
        return found

    return walk("", 0)


def waterfall(trace: dict[str, Any]) -> str:
    """A trace as SVG."""
    rows = bars(trace)
    whole = max(bar.start + bar.length for bar in rows) or 1
    scale = (WIDTH - LABELS - 20) / whole
    drawn = []
    for index, bar in enumerate(rows):
        y, x, width = 16 + index * ROW, LABELS + bar.start * scale, max(2.0, bar.length * scale)
        drawn.append(text(10 + bar.depth * 18, y + 16, bar.name))
        drawn.append(box(x, y + 3, width, ROW - 6, BAD if bar.error else FINE, bar.error or bar.name))
        took = f"{bar.length / 1e6:.2f} s" if bar.length >= 1e6 else f"{bar.length / 1000:.1f} ms"
        said = took + (f"  {bar.error}" if bar.error else "")
        if width > len(said) * 8 + 8:
            drawn.append(text(x + 8, y + 16, said, "#ffffff"))
        else:
            left = x + width + len(said) * 8 > WIDTH  # no room to the right of it
            drawn.append(text(x - 6 if left else x + width + 6, y + 16, said, BAD if bar.error else INK, left))
    return svg(32 + len(rows) * ROW, drawn)


def strip(series: list[dict[str, Any]], shown: dict[str, dict[str, str]]) -> str:
    """States over time as SVG: each series of numbers in the colours of `shown`."""
    drawn, seen = [], set()
    for index, one in enumerate(series):
        values, y = one["values"], 16 + index * 40
        drawn.append(text(10, y + 20, one["metric"]["job"]))
        step = (WIDTH - LABELS - 20) / len(values)
        for number, (_, value) in enumerate(values):
            seen.add(value)
            drawn.append(box(LABELS + number * step, y, step + 0.5, 30, shown[value]["color"], shown[value]["text"]))
    for index, value in enumerate(sorted(seen)):
        drawn.append(box(LABELS + index * 110, 20 + len(series) * 40, 12, 12, shown[value]["color"], ""))
        drawn.append(text(LABELS + 18 + index * 110, 31 + len(series) * 40, shown[value]["text"]))
    return svg(48 + len(series) * 40, drawn)


def heatmap(series: list[dict[str, Any]]) -> str:
    """A histogram over time as SVG, from its cumulative buckets."""
    buckets = sorted(series, key=lambda one: float(one["metric"]["le"]))
    columns = sorted({moment for one in buckets for moment, _ in one["values"]})
    step = (WIDTH - LABELS - 20) / len(columns)
    drawn, below = [], dict.fromkeys(columns, 0.0)
    for index, one in enumerate(buckets):
        y = 16 + (len(buckets) - 1 - index) * 18
        drawn.append(text(LABELS - 10, y + 13, f"up to {one['metric']['le']} s", left=True))
        for moment, value in one["values"]:
            count, below[moment] = float(value) - below[moment], float(value)
            if count > 0.5:
                strength = 0.2 + 0.8 * count / max(1.0, *(float(value) for _, value in buckets[-1]["values"]))
                place = LABELS + columns.index(moment) * step
                drawn.append(box(place, y, step + 0.5, 17, "#ff9830", f"{count:.0f}", strength))
    return svg(32 + len(buckets) * 18, drawn)


def svg(height: float, drawn: list[str]) -> str:
    size = f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "\n".join([head, box(0, 0, WIDTH, height, "#ffffff", ""), *drawn, "</svg>", ""])


def box(x: float, y: float, width: float, height: float, colour: str, title: str, strength: float = 1.0) -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect {where} fill="{colour}" fill-opacity="{strength:.2f}"><title>{escape(title)}</title></rect>'


def text(x: float, y: float, said: str, colour: str = INK, left: bool = False) -> str:
    anchor = ' text-anchor="end"' if left else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}"{anchor}>{escape(said)}</text>'


def failed(trace: dict[str, Any]) -> bool:
    return any(bar.error for bar in bars(trace))


def get(address: str) -> Any:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - of the stack
            return json.load(answer)["data"]
    except urllib.error.URLError as error:
        raise SystemExit(f"{address.partition('?')[0]} does not answer ({error.reason}); is `make stack` up?") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jaeger", default="http://127.0.0.1:16686")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    parser.add_argument("--minutes", type=float, default=3, help="how far back the metrics go")
    args = parser.parse_args()
    panels = {panel["title"]: panel for panel in json.loads(DASHBOARD.read_text())["panels"]}

    def asked(title: str) -> list[dict[str, Any]]:
        expression = panels[title]["targets"][0]["expr"].replace("$__rate_interval", "20s")
        for variable in ("$job", "$instance"):
            expression = expression.replace(variable, ".+")
        now = time.time()
        fields = {"query": expression, "start": now - args.minutes * 60, "end": now, "step": 2}
        return list(get(f"{args.prometheus}/api/v1/query_range?{urllib.parse.urlencode(fields)}")["result"])

    for operation in ("boot", "postconditions", "eventloop blocked"):
        fields = {"service": "lifesign-demo", "operation": operation, "limit": 50}
        traces = get(f"{args.jaeger}/api/traces?{urllib.parse.urlencode(fields)}")
        if not traces:
            raise SystemExit(f"Jaeger has no trace {operation!r}: type b and f into `make stack`, wait 10 s")
        # One with an error shows more.
        shown = max(traces, key=lambda trace: (failed(trace), trace["spans"][0]["startTime"]))
        (DOCS / f"trace-{operation.split()[-1]}.svg").write_text(waterfall(shown))
    (mapping,) = panels["Heartbeat strip"]["fieldConfig"]["defaults"]["mappings"]
    (DOCS / "strip.svg").write_text(strip(asked("Heartbeat strip"), mapping["options"]))
    (DOCS / "delay.svg").write_text(heatmap(asked("Loop delay")))


if __name__ == "__main__":
    main()
