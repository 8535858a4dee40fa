"""How times and things are said."""

from __future__ import annotations

from typing import Any

import pytest

from lifesign.judge.causes.phrases import ago, call_text, module_name, name_of, own_frame
from support.rows import rows

S = 1_000_000_000


@rows(
    ("nanoseconds", "said"),
    [
        (-5, "0 s ago"),
        (119 * S, "119 s ago"),
        (120 * S, "2 min ago"),
        (7199 * S, "119 min ago"),
        (7200 * S, "2 h ago"),
        (48 * 3600 * S, "2 days ago"),
    ],
)
def test_how_long_ago(nanoseconds: int, said: str) -> None:
    assert ago(nanoseconds) == said


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [("Lock", "Desk.ledger", "the Lock Desk.ledger"), ("Lock", "", "a Lock"), ("Event", "", "an Event")],
)
def test_what_a_primitive_is_called(kind: str, name: str, said: str) -> None:
    primitive: Any = {"type": kind, "name": name, "place": None}
    assert name_of(primitive) == said


HANDLE: Any = {"function": "handle", "file": "/srv/shop/app.py", "line": 8}
LOAD: Any = {"function": "load", "file": "/srv/venv/lib/python3.13/site-packages/uvicorn/importer.py", "line": 19}
FIND: Any = {"function": "_find_and_load", "file": "<frozen importlib._bootstrap>", "line": 1360}
PANDAS: Any = {"function": "<module>", "file": "/srv/venv/lib/python3.13/site-packages/pandas/__init__.py", "line": 46}


@rows(
    ("stack", "said", "place"),
    [
        ([HANDLE, FIND, PANDAS], "handle (app.py:8), which imports pandas", HANDLE),
        ([HANDLE, LOAD, FIND], "handle (app.py:8), which imports a module, in load (importer.py:19)", HANDLE),
        ([LOAD, FIND, PANDAS], "load (importer.py:19), which imports pandas", LOAD),
        ([HANDLE, LOAD], "handle (app.py:8), in load (importer.py:19)", HANDLE),
        ([LOAD], "load (importer.py:19)", LOAD),
    ],
)
def test_a_call_that_imports(stack: Any, said: str, place: Any) -> None:
    assert (call_text(stack), own_frame(stack)) == (said, place)


@rows(
    ("file", "name"),
    [
        ("/srv/venv/lib/python3.13/site-packages/pandas/__init__.py", "pandas"),
        ("/srv/venv/lib/python3.13/site-packages/pandas/core/frame.py", "pandas.core.frame"),
        ("/usr/lib/python3.11/json/__init__.py", "json"),
        ("/usr/lib/python3/dist-packages/yaml/nodes.py", "yaml.nodes"),
        ("/srv/shop/models.py", "models"),
        ("/srv/shop/desk/__init__.py", "desk"),
        ("models.py", "models"),
        ("<frozen abc>", "abc"),
        ("", ""),
    ],
)
def test_what_a_module_is_called(file: str, name: str) -> None:
    assert module_name(file) == name
