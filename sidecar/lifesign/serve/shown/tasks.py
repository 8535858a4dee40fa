"""A task dump as the page and the API show it, and what is different from the dump before."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Sequence

import msgspec
import msgspec.structs

from lifesign.judge.causes.findings import Dump
from lifesign.judge.causes.phrases import own_frame
from lifesign.serve.shown.awaits import Members
from lifesign.watch.sources import Source
from lifesign.wire.frames import Frame, is_library
from lifesign.wire.records import TaskGroup, TaskPrimitive
from lifesign.wire.threads import ThreadGroup

GROUPS = 500
PRIMITIVES = 100
THREADS = 50
FRAMES = 60
NAMES = 10
EDGES = 100
TEXT_CHARACTERS = 2_000

Shape = tuple[str, str, str, int]  # what is the same group in two dumps


class FrameView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One place; `own` says whether it is the user's own code, `text` is the line of source where it can be had."""

    function: str
    file: str = ""
    line: int = 0
    own: bool = False
    text: str = ""


class TaskGroupView(msgspec.Struct, frozen=True, omit_defaults=True):
    """The tasks, or threads, that stand at the same lines; the stack has the outermost frame first.

    `before` is how many they were in the dump before, -1 where there was none to compare with. `awaits` are pairs of
    the index of a group and how many of it are awaited. Ages and waits are seconds. `stuck`: some are in a deadlock.
    """

    index: int
    count: int
    function: str
    place: str
    file: str
    line: int
    names: list[str]
    waits_for: str
    stack: list[FrameView]
    states: dict[str, int] = {}
    awaits: list[tuple[int, int]] = []
    waited: float | None = None
    time_left: float | None = None
    oldest: float | None = None
    newest: float | None = None
    origin: list[FrameView] = []
    looked: int = 0
    before: int = -1
    trace: str = ""
    stuck: bool = False


class PrimitiveView(msgspec.Struct, frozen=True, omit_defaults=True):
    """What tasks wait for, such as a lock, and who holds it: task (or empty), and place; and the groups of these tasks.

    `stuck`: it is part of a deadlock.
    """

    type: str
    name: str
    state: str
    waiting: list[tuple[int, int]]  # index of a group, and how many of it
    holders: list[tuple[str, str]]
    index: int = -1  # in post-mortems of before
    held_by: list[int] = []
    stuck: bool = False


class GoneGroupView(msgspec.Struct, frozen=True):
    """A group of the dump before that is not there any more."""

    function: str
    place: str
    count: int


class TaskDumpView(msgspec.Struct, frozen=True):
    """A task dump, biggest groups first; `rings` are deadlocks: what each task is called, and what it waits for."""

    id: str
    at: int
    reason: str
    took: float
    tasks: int
    groups_total: int
    groups: list[TaskGroupView]
    threads: list[TaskGroupView]
    primitives: list[PrimitiveView]
    rings: list[list[tuple[str, str]]]
    finished: list[str]
    gone: list[GoneGroupView]
    same: bool  # whether it shows the same groups as the dump before


class Dumps:
    """The newest dump of a process, and what the one before it was like."""

    def __init__(self) -> None:
        self.dump: Dump | None = None
        self.version = 0
        self._before: dict[Shape, int] | None = None
        self._id = ""  # of the newest
        self._packed = b""

    def take(self, dump: Dump | None) -> None:
        """Take the newest dump. One whose groups were overwritten before anybody read them does not hide others."""
        if dump is None or dump.summary["id"] == self._id:
            return
        if self.dump is not None and not dump.groups and dump.summary["groups"]:
            return
        self._before = None if self.dump is None else {_shape(group): group["count"] for group in self.dump.groups}
        self.dump, self._id = dump, dump.summary["id"]
        self._packed = b""
        self.version += 1

    def view(self, source: Source) -> TaskDumpView | None:
        """None before the first dump."""
        dump, before, packed = self.dump, self._before, self._packed  # in this order: another thread packs them
        if dump is None and packed:
            whole, shapes = msgspec.msgpack.decode(zlib.decompress(packed))
            dump = Dump(whole[0], *map(tuple, whole[1:]))
            before = None if shapes is None else {(*shape,): count for shape, count in shapes}
        return None if dump is None else dump_view(dump, before, source)

    def pack(self) -> None:
        """Keeps what there is in a small part of the memory: its process is gone, and few will look."""
        if self.dump is not None:
            shapes = None if self._before is None else list(self._before.items())
            self._packed = zlib.compress(msgspec.msgpack.encode((self.dump, shapes)), 1)
            self.dump = self._before = None

    @property
    def packed(self) -> int:
        """Bytes of what was packed."""
        return len(self._packed)

    def drop(self) -> None:
        """Gives up what was packed."""
        self._packed = b""


def dump_view(dump: Dump, before: dict[Shape, int] | None, source: Source) -> TaskDumpView:
    """Everything of a dump, bounded."""
    summary, groups, members = dump.summary, dump.groups[:GROUPS], Members(dump)
    shapes = {_shape(group) for group in dump.groups}
    gone = [(shape, count) for shape, count in (before or {}).items() if shape not in shapes]
    return TaskDumpView(
        id=summary["id"],
        at=summary["end"] // 1_000_000,
        reason=summary["reason"],
        took=max(0, summary["end"] - summary["start"]) / 1e9,
        tasks=summary["tasks"],
        groups_total=summary["groups"],
        groups=[_group(group, before, source, members) for group in groups],
        threads=[_threads(group, source) for group in dump.threads[:THREADS]],
        primitives=[_primitive(one, members) for one in dump.primitives[:PRIMITIVES]],
        rings=[[(step["task"], _named(dump, step["primitive"])) for step in ring] for ring in summary["rings"]],
        finished=[
            f"{kind['count']} x {kind['function']} {kind['outcome']}{': ' + kind['message'] if kind['message'] else ''}"
            for kind in summary["finished"]
        ],
        gone=[GoneGroupView(shape[0], _place(shape[2], shape[3]), count) for shape, count in gone[:NAMES]],
        same=summary["same_as"] is not None,
    )


def _group(group: TaskGroup, before: dict[Shape, int] | None, source: Source, members: Members) -> TaskGroupView:
    return msgspec.structs.replace(
        _alike(group, group["waits_for"], source),
        states=group["states"],
        awaits=[(edge["group"], edge["count"]) for edge in group["awaits"][:EDGES]],
        waited=group["waited_most"],
        time_left=group["time_left"],
        oldest=group["oldest"],
        newest=group["newest"],
        origin=_frames(group["origin"], source),
        looked=group["looked"] if group["looked"] < group["count"] else 0,
        before=-1 if before is None else before.get(_shape(group), 0),
        trace=group["trace"] or "",
        stuck=group["index"] in members.stuck,
    )


def _threads(group: ThreadGroup, source: Source) -> TaskGroupView:
    wait = group["wait"]
    return _alike(group, f"{wait['type']} {wait['name']}".strip() if wait is not None else "", source)


def _alike(group: TaskGroup | ThreadGroup, waits_for: str, source: Source) -> TaskGroupView:
    """What is known of those that stand at the same lines, be they tasks or threads."""
    own = own_frame(group["stack"])
    return TaskGroupView(
        index=group["index"],
        count=group["count"],
        function=_cut(own["function"]) if own is not None else "",
        place=_place(own["file"], own["line"]) if own is not None else "",
        file=own["file"] if own is not None else "",
        line=own["line"] if own is not None else 0,
        names=[_cut(name) for name in group["names"][:NAMES]],
        waits_for=_cut(waits_for),
        stack=_frames(group["stack"], source),
    )


def _primitive(one: TaskPrimitive, members: Members) -> PrimitiveView:
    return PrimitiveView(
        index=one["index"],
        type=one["type"],
        name=_cut(one["name"]),
        state=_cut(one["state"]),
        waiting=[(edge["group"], edge["count"]) for edge in one["waiting"][:EDGES]],
        holders=[
            (_cut(holder["task"] or ""), _place(holder["place"]["file"], holder["place"]["line"]))
            for holder in one["holders"][:EDGES]
        ],
        held_by=members.holding(one)[:EDGES],
        stuck=one["index"] in members.stuck_at,
    )


def _frames(stack: Sequence[Frame], source: Source) -> list[FrameView]:
    return [frame_view(frame, source) for frame in stack[-FRAMES:]]


def frame_view(frame: Frame, source: Source) -> FrameView:
    """One frame with its line of source."""
    own = bool(frame["file"]) and not is_library(frame["file"])
    text = source(frame["file"], frame["line"]) if own else None
    return FrameView(_cut(frame["function"]), _cut(frame["file"]), frame["line"], own, text or "")


def _shape(group: TaskGroup) -> Shape:
    own = own_frame(group["stack"])
    file, line = (own["file"], own["line"]) if own is not None else ("", 0)
    return (own["function"] if own is not None else "", group["waits_for"], file, line)


def _named(dump: Dump, primitive: int | None) -> str:
    found: Iterable[TaskPrimitive] = (one for one in dump.primitives if one["index"] == primitive)
    return next((_cut(f"{one['type']} {one['name']}".strip()) for one in found), "")


def _place(file: str, line: int) -> str:
    return f"{_cut(os.path.basename(file))}:{line}" if file else ""


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS else text[: TEXT_CHARACTERS - 1] + "…"
