"""What the user's own code calls a primitive: ``OrderDesk._ledger``, ``LOCKS[...]``; names and types, never a value."""

from __future__ import annotations

from types import CellType, FunctionType, ModuleType
from typing import Any

from lifesign.agent.tasks.odd import read, type_name
from lifesign.agent.tasks.waiting.blocks import objects
from lifesign.agent.tasks.waiting.kinds import kind
from lifesign.agent.tasks.walk import Link

_NAMELESS = (FunctionType, ModuleType, type, dict, list, tuple, str)
_ITEMS_MAX = 10_000  # of one attribute or global that is searched


def name_of(thing: Any, links: list[Link]) -> str:
    """The attribute or global under which code near the wait keeps it; empty where none is found.

    It searches the innermost frames of the user's own code, where the reader will look too.
    """
    own = [link for link in links if not link.in_library] or links
    for link in reversed(own[-3:]):
        found = _in_frame(thing, link)
        if found:
            return found
    return ""


def _in_frame(thing: Any, link: Link) -> str:
    for one in objects(link.awaitable):
        if type(one) is CellType:  # of a variable that a function inside another one shares
            one = read(one, "cell_contents")
        if issubclass(type(one), _NAMELESS) or kind(one) is not None:
            continue
        attributes = _attributes(one)
        for attribute, value in attributes.items():
            if isinstance(attribute, str) and _leads_to(value, thing):
                return f"{type_name(one)}.{attribute}{_item(value, thing)}"
    names = _globals(link)
    for name in link.code.co_names:
        value = names.get(name)
        if value is not None and _leads_to(value, thing):
            return f"{name}{_item(value, thing)}"
    return ""


def _attributes(one: Any) -> dict[Any, Any]:
    """The instance's own attributes, past whatever its class makes of them."""
    try:
        found = object.__getattribute__(one, "__dict__")
        return dict(found) if type(found) is dict else {}
    except BaseException:  # noqa: BLE001 - slots, proxies, and properties of that name
        return {}


def _globals(link: Link) -> dict[str, Any]:
    for one in objects(link.awaitable):
        if type(one) is FunctionType and one.__code__ is link.code:
            return one.__globals__
    found = read(link.frame, "f_globals")
    return found if type(found) is dict else {}


def _leads_to(value: Any, thing: Any) -> bool:
    return value is thing or (type(value) in (dict, list, tuple) and _holds(value, thing))


def _holds(value: Any, thing: Any) -> bool:
    if len(value) > _ITEMS_MAX:
        return False
    return any(one is thing for one in list(value.values() if type(value) is dict else value))


def _item(value: Any, thing: Any) -> str:
    return "" if value is thing else "[...]"
