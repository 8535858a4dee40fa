"""What ``help(lifesign)`` says of each public name: what goes in, what comes out, what it raises."""

from __future__ import annotations

import inspect
import pydoc
import re
from typing import Any, Callable, Iterator

import pytest

import lifesign
from support.rows import rows

PUBLIC = {name: getattr(lifesign, name) for name in lifesign.__all__ if name != "__version__"}
TYPES = (lifesign.Report, lifesign.Result)


def calls() -> Iterator[Any]:
    """All that can be called, with its docstring."""
    for found in PUBLIC.values():
        if inspect.isfunction(found):
            yield found, found.__doc__
    yield lifesign.DryRun.__init__, lifesign.DryRun.__doc__
    for name, method in vars(lifesign.DryRun).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            yield method, method.__doc__


def section(doc: str, heading: str) -> str:
    """What stands under a heading such as ``Args:``."""
    found = re.search(rf"^{heading}:\n((?:    .*\n|\n)+)", inspect.cleandoc(doc) + "\n", re.MULTILINE)
    return found.group(1) if found else ""


@rows("call, doc", calls(), ids=lambda row: row[0].__qualname__)
def test_every_argument_and_what_is_returned_is_described(call: Callable[..., Any], doc: str | None) -> None:
    assert doc
    for name in inspect.signature(call).parameters:
        if name != "self":
            assert re.search(rf"^    {name}: \S", section(doc, "Args"), re.MULTILINE), name
    if inspect.signature(call).return_annotation not in ("None", None):
        assert section(doc, "Returns")


@pytest.mark.parametrize("kind", TYPES)
def test_every_field_is_typed_and_described(kind: Any) -> None:
    for name in kind._fields:
        assert kind.__annotations__[name]
        assert re.search(rf"^    {name}: \S", section(kind.__doc__, "Attributes"), re.MULTILINE), name


def test_what_a_dry_run_shows_is_described() -> None:
    shown = {name for name in dir(lifesign.DryRun(print)) if not name.startswith("_")}
    methods = {name for name, found in vars(lifesign.DryRun).items() if inspect.isfunction(found)}
    described = set(re.findall(r"^    (\w+): ", section(lifesign.DryRun.__doc__ or "", "Attributes"), re.MULTILINE))
    assert described == shown - methods


def test_the_two_that_raise_say_so() -> None:
    assert "PostconditionError: " in section(lifesign.assert_postconditions.__doc__ or "", "Raises")
    assert "ValueError: " in section(lifesign.DryRun.__doc__ or "", "Raises")
    assert "diagnostic: " in section(lifesign.PostconditionError.__doc__ or "", "Attributes")


def test_the_manual_page_names_every_call() -> None:
    page = pydoc.plain(pydoc.render_doc(lifesign))
    description = page.partition("PACKAGE CONTENTS")[0]
    for name in PUBLIC:
        if name not in ("Report", "Result", "PostconditionError", "boot_trace_id"):  # what the others hand out
            assert re.search(rf"\b{name}\b", description), name
