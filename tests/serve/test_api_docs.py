"""What the API answers is documented."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from lifesign.serve.api import ROOT as ROOT_PATH
from lifesign.serve.api import Api
from lifesign.serve.behind import Actions, Button, Lookups
from lifesign.serve.board import Board
from lifesign.serve.detail import DetailView
from lifesign.serve.feed import BeatEvent, ProcessesView, RowsEvent, VerdictEvent
from lifesign.serve.shown.flame import FlameView
from lifesign.serve.shown.history import HistoryEntry
from lifesign.serve.shown.rows import RowView, VerdictView
from lifesign.serve.shown.tasks import TaskDumpView
from lifesign.serve.shown.timeline import TimelineView
from support.made.client import NOTHING
from support.paths import ROOT

SECTIONS: dict[str, tuple[type, ...]] = {
    "The API of the local page": (ProcessesView,),
    "A row": (RowView, VerdictView),
    "The stream": (RowsEvent, BeatEvent, VerdictEvent),
    "One process": (DetailView,),
    "A task dump": (TaskDumpView,),
    "Stacks of stalls": (FlameView,),
    "What happened": (HistoryEntry,),
    "The last hours": (TimelineView,),
    "The sample service": (Button,),
}
DOCUMENTED = {one for some in SECTIONS.values() for one in some}


def fields(kind: Any, *, inside: bool = False) -> Iterator[str]:
    """The names of all fields of a type, and of those in them that have no section of their own."""
    if inside and kind in DOCUMENTED:
        return
    if isinstance(kind, type) and (issubclass(kind, msgspec.Struct) or typing.is_typeddict(kind)):
        for name, inner in typing.get_type_hints(kind).items():
            yield name
            yield from fields(inner, inside=True)
    else:
        for inner in typing.get_args(kind):
            yield from fields(inner, inside=True)


@pytest.mark.parametrize("title", SECTIONS)
def test_every_field_of_every_answer_is_documented(title: str) -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    (section,) = re.findall(rf"^#+ {title}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    names = {name for one in SECTIONS[title] for name in fields(one)}
    assert [name for name in sorted(names) if f"`{name}`" not in section] == []


def test_every_address_is_documented() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    routes = Api(Board(), NOTHING, Lookups()).routes()
    addresses = {route.path.replace("{key}", "KEY") for route in routes if "GET" in (route.methods or ())}
    assert [address for address in addresses if f"`GET {address}`" not in text] == []
    assert f"`POST {ROOT_PATH}/demo/LETTER`" in text
    assert [action for action in Actions._fields if f"`POST {ROOT_PATH}/processes/KEY/{action}`" not in text] == []
