"""The measured part of docs/comparison.md, made of docs/comparison.json."""

from __future__ import annotations

import re
import statistics
from typing import Any, Mapping, NamedTuple

LINE_MAX = 200  # characters of an answer that are shown


class Illness(NamedTuple):
    """One illness: what is wrong, the names without which nobody finds it, and how lifesign calls it."""

    title: str
    what: str
    names: tuple[str, ...]
    called: tuple[str, ...]  # a cause, or a log record


ILLNESSES = {
    "blocked": Illness(
        "A call blocks the loop", "`time.sleep()` in `write_report`", ("write_report",), ("blocking-call",)
    ),
    "frozen": Illness(
        "C code holds the GIL",
        "a call in `parse_order` does not return, and keeps the GIL",
        ("parse_order",),
        ("gil-held",),
    ),
    "deadlock": Illness(
        "A deadlock of two tasks",
        "`refund` and `audit` take two locks in opposite order",
        ("refund", "audit"),
        ("deadlock",),
    ),
    "consumer": Illness(
        "A consumer died",
        "`consume` ended with a KeyError, and its queue is full",
        ("KeyError",),
        ("consumer-died", "lifesign.task.died"),
    ),
    "executor": Illness(
        "An executor is full", "two threads are in `fetch`, and three jobs wait", ("fetch",), ("executor-full",)
    ),
    "leak": Illness("Tasks leak", "500 tasks of `subscribe` a second, which never end", ("subscribe",), ("task-leak",)),
}
NOTHING = "nothing"


def measured(report: Mapping[str, Any]) -> str:
    parts = [_machine(report), _glance(report)]
    for key, illness in ILLNESSES.items():
        rows = [_row(name, one, illness) for name, one in report["answers"][key].items()]
        parts.append(f"### {illness.title}\n\n{illness.what[0].upper()}{illness.what[1:]}.\n\n" + _table(rows))
    parts.append("### What it costs while nothing is wrong\n\n" + _costs(report))
    return "\n\n".join(parts)


def _machine(report: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    load = "{:.1f} before and {:.1f} after".format(*report["load"])
    return f"Measured {report['when']} on {report['machine']}; load {load}. {versions}."


def _glance(report: Mapping[str, Any]) -> str:
    """Who has the answer, and after how long."""
    rows = []
    for way in report["answers"]["blocked"]:
        answers = ((illness, report["answers"][key][way]) for key, illness in ILLNESSES.items())
        rows.append((way, *(_after(one, illness) for illness, one in answers)))
    return _table(rows, ("who has the answer", *(illness.title for illness in ILLNESSES.values())))


def _after(one: Mapping[str, Any], illness: Illness) -> str:
    if _found(one, illness):
        return "when asked" if one["known"] is None else f"{one['known']:.1f} s"
    return f"restarts it, {one['known']:.0f} s" if one["output"].endswith(": restart") else "no"


def _found(one: Mapping[str, Any], illness: Illness) -> bool:
    return all(word in one["output"] for word in illness.names)


def _row(name: str, one: Mapping[str, Any], illness: Illness) -> tuple[str, ...]:
    lines = [line for line in one["output"].splitlines() if line.strip()]
    found = "yes" if _found(one, illness) else "no"
    return name, _shown(lines, illness), found, str(len(lines) or "-"), _when(one)


def _shown(lines: list[str], illness: Illness) -> str:
    """The line that says most: with the most of the names, else with a place in the program, else the first."""
    best = max(lines, key=lambda line: (sum(word in line for word in illness.names), "shop.py" in line), default="")
    best = re.sub(r"\s+", " ", best.strip()).replace("|", "/").replace("`", "'")
    return f"`{best[:LINE_MAX]}{' ...' if len(best) > LINE_MAX else ''}`" if best else NOTHING


def _when(one: Mapping[str, Any]) -> str:
    if one["known"] is not None:
        return f"{one['known']:.1f} s"
    if one["took"] is not None:
        return f"when asked, after {one['asked']:.0f} s: {one['took']:.2f} s"
    return "never" if not one["output"] else "-"


def _table(
    rows: list[tuple[str, ...]],
    head: tuple[str, ...] = ("", "says", "has the answer", "lines to read", "says so after"),
) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows)).replace("|  |", "| |")


def _costs(report: Mapping[str, Any]) -> str:
    bare = report["rest"]["the service alone"]
    lines = ["| | of a core, or processor time | memory |", "| --- | ---: | ---: |"]
    for name, (processor, memory) in report["rest"].items():
        added = "" if name in ("the service alone", "lifesign: the sidecar") else f" (+{memory - bare[1]:.1f})"
        lines.append(f"| {name} | {processor:.2f} % | {memory:.1f} MiB{added} |")
    for way in report["answers"]["blocked"]:
        used = [answers[way]["used"] for answers in report["answers"].values() if answers[way]["used"] is not None]
        if used:
            lines.append(f"| {way}, each time | {statistics.median(used):.2f} s | |")
    return "\n".join(lines)
