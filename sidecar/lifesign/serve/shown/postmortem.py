"""What is saved of processes when a run has ended ill, and the same as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from html import escape
from importlib import resources
from typing import Any

import msgspec

from lifesign import semconv
from lifesign.judge.causes.phrases import counted
from lifesign.serve.shown.history import HistoryEntry
from lifesign.serve.shown.tasks import FrameView, TaskDumpView, TaskGroupView
from lifesign.serve.shown.words import duration, visible
from lifesign.watch.telemetry import Attributes, Snapshot

SCHEMA = 1
_STYLE = resources.files("lifesign.serve").joinpath("static", "report.css")


class SavedProcess(msgspec.Struct, frozen=True):
    """One process as it ended; `stack` is that of its newest error."""

    process: Snapshot
    resource: Attributes
    stack: str
    history: list[HistoryEntry]
    tasks: TaskDumpView | None


class PostMortem(msgspec.Struct, frozen=True):
    """A run that has ended ill, those that are worst off first; `saved` is wall clock milliseconds."""

    schema: int
    saved: int
    version: str
    processes: list[SavedProcess]


def post_mortem(processes: list[SavedProcess], now: int) -> PostMortem:
    """Of a run that has ended at `now`, wall clock milliseconds."""
    return PostMortem(SCHEMA, now, semconv.VERSION, processes)


def as_html(saved: PostMortem) -> str:
    """One file that loads nothing and runs nothing."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    when = datetime.fromtimestamp(saved.saved / 1000).strftime("%Y-%m-%d %H:%M:%S")
    names = ", ".join(f"{one.process.service} {one.process.state}" for one in saved.processes[:3])
    parts = [part for one in saved.processes for part in _process(one)]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            f"<title>{_text(names)}</title><style>{_STYLE.read_text()}</style></head><body><main>",
            f'<h1>Post-mortem <span class="soft">{_text(when)}, lifesign {_text(saved.version)}</span></h1>',
            *parts,
            "</main></body></html>",
            "",
        ]
    )


def _process(one: SavedProcess) -> Iterator[str]:
    process = one.process
    yield "<article>"
    who = f"pid {process.pid} · {process.command}"
    yield f'<h2><span class="state">{_text(process.state)}</span> {_text(process.service)} '
    yield f'<span class="soft">{_text(who)}</span></h2>'
    yield f"<p>{_text(process.why)}</p>"
    for cause in process.causes:
        where = f"<p>{_text(f'{cause.file}:{cause.line}')}</p>" if cause.file else ""
        yield f'<div class="cause"><b>{_text(cause.sentence)}</b>{where}{_list(cause.evidence)}</div>'
    if one.stack:
        yield f"<h3>Last stack</h3><pre>{_text(one.stack)}</pre>"
    yield from _facts(process)
    if one.history:
        yield "<h3>What happened</h3><ul>"
        for entry in one.history:
            at = datetime.fromtimestamp(entry.at / 1000).strftime("%H:%M:%S")
            stack = f"<details><summary>stack</summary><pre>{_text(entry.stack)}</pre></details>" if entry.stack else ""
            text = f' <span class="soft">{_text(entry.text)}</span>' if entry.text else ""
            yield f'<li><span class="soft">{at}</span> {_text(entry.title)}{text}{stack}</li>'
        yield "</ul>"
    if one.tasks is not None:
        yield from _tasks(one.tasks)
    yield "</article>"


def _facts(process: Snapshot) -> Iterator[str]:
    tasks = f"{counted(process.tasks, 'task')} at the end"
    lines = [f"ran for {duration(process.uptime)}, {counted(process.beats, 'beat')}, {tasks}"]
    lines += [f"event {event.name}: {event.count}, the last {duration(event.age)} before" for event in process.events]
    lines += [f"check {one.name} fails: {one.reason}" for one in process.postconditions if not one.passed]
    lines.append(f"boot {process.boot.replace('_', ' ')}")
    lines += [f"checkpoint {one.name} failed: {one.error}" for one in process.checkpoints if one.error]
    used = process.usage
    if used is not None and used.memory is not None:
        lines.append(f"{used.memory >> 20} MiB of memory, {duration(used.user + used.system)} of processor time")
    yield f"<h3>Vital signs</h3>{_list(lines)}"


def _tasks(tasks: TaskDumpView) -> Iterator[str]:
    at = datetime.fromtimestamp(tasks.at / 1000).strftime("%H:%M:%S")
    about = f"{counted(tasks.tasks, 'task')} in {counted(tasks.groups_total, 'group')}, {at}, {tasks.reason}"
    yield f'<h3>Newest task dump <span class="soft">{_text(about)}</span></h3>'
    for ring in tasks.rings:
        yield f'<p class="cause">deadlock: {_text(", ".join(f"{task} waits for {what}" for task, what in ring))}</p>'
    for group in tasks.groups:
        yield _group(group)


def _group(group: TaskGroupView) -> str:
    waits = f", waits for {group.waits_for}" if group.waits_for else ""
    title = f"{group.count} x {group.function or 'no coroutine'} {group.place}{waits}"
    stack = "\n".join(map(_frame, group.stack))
    names = f'<p class="soft">{_text(", ".join(group.names))}</p>' if group.names else ""
    return f"<details><summary>{_text(title)}</summary>{names}<pre>{_text(stack)}</pre></details>"


def _frame(frame: FrameView) -> str:
    line = f'File "{frame.file}", line {frame.line}, in {frame.function}' if frame.file else frame.function
    return f"{line}\n  {frame.text}" if frame.text else line


def _list(lines: Any) -> str:
    return f"<ul>{''.join(f'<li>{_text(line)}</li>' for line in lines)}</ul>" if lines else ""


def _text(text: str) -> str:
    return escape(visible(text))
