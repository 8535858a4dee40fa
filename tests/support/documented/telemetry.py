"""The attributes of log records, as docs/reference.md has them."""

from __future__ import annotations

import functools
import re

from support.paths import DOCS

# Of what is "those of the span": the span.
OF_SPAN = {
    "lifesign.checkpoint.failed": "checkpoint {name}",
    "lifesign.postcondition.failed": "postcondition {name}",
    "lifesign.postcondition.recovered": "postcondition {name}",
    "lifesign.dry_run.failed": "dry_run {type}",
}
# What each failure has, and all that is synthetic.
ANY = {
    "error.type",
    "exception.type",
    "exception.message",
    "exception.stacktrace",
    "user_agent.synthetic.type",
}


@functools.cache
def attributes() -> dict[str, set[str]]:
    """By event name."""
    page = (DOCS / "reference.md").read_text("utf-8")
    spans, logs = _rows(page, "### Spans"), _rows(page, "### Log records")
    found: dict[str, set[str]] = {}
    for heads, line in logs:
        named = {name for name in re.findall(r"`([a-z_.]+)`", line) if "." in name}
        for event in re.findall(r"`(lifesign\.[a-z_.]+)`", heads):
            span = OF_SPAN.get(event)
            of_span = {
                name for names, of in spans if span and f"`{span}`" in names for name in re.findall("`(.+?)`", of)
            }
            found[event] = named | of_span | ANY
    return found


def _rows(page: str, heading: str) -> list[tuple[str, str]]:
    """The first cell of each row below a heading, and all of it."""
    part = page.partition(f"{heading}\n")[2].partition("\n### ")[0]
    return [(line.split(" | ")[0], line) for line in part.splitlines() if line.startswith("| `")]
