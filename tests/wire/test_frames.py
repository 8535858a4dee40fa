"""Whose code a frame is in, by where its file lies."""

from __future__ import annotations

import pytest

from lifesign.wire.frames import Frame, importing, is_library
from support.rows import rows


@pytest.mark.parametrize(
    ("file", "library"),
    [
        ("/srv/shop/app.py", False),
        ("/usr/lib/python3.11/asyncio/events.py", True),
        ("/srv/venv/lib/python3.13/site-packages/aiohttp/client.py", True),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", True),
        ("<frozen importlib._bootstrap>", True),
        ("asyncpg/protocol/protocol.pyx", True),
        ("/srv/venv/lib/python3.13/site-packages/lifesign/agent/api.py", True),
        ("/srv/venv/lib/python3.13/site-packages/lifesign/demo/service.py", False),
        ("/lifesign-inject/lifesign/wire/loops.py", True),
        ("/home/me/lifesign/tests/agent/test_loops.py", False),
    ],
)
def test_whose_code_it_is(file: str, library: bool) -> None:
    assert is_library(file) is library


HANDLE: Frame = {"function": "handle", "file": "/srv/shop/app.py", "line": 8}
RUN: Frame = {"function": "BaseEventLoop._run_once", "file": "/usr/lib/python3.13/asyncio/base_events.py", "line": 2040}
LOAD: Frame = {"function": "load", "file": "/srv/venv/lib/python3.13/site-packages/uvicorn/importer.py", "line": 19}
BY_NAME: Frame = {"function": "import_module", "file": "/usr/lib/python3.13/importlib/__init__.py", "line": 88}
FIND: Frame = {"function": "_find_and_load", "file": "<frozen importlib._bootstrap>", "line": 1360}
STAT: Frame = {"function": "_path_stat", "file": "<frozen importlib._bootstrap_external>", "line": 140}
REAL: Frame = {"function": "_joinrealpath", "file": "<frozen posixpath>", "line": 427}


def body(file: str) -> Frame:
    return {"function": "<module>", "file": file, "line": 3}


PANDAS = body("/srv/venv/lib/python3.13/site-packages/pandas/__init__.py")
NUMPY = body("/srv/venv/lib/python3.13/site-packages/numpy/__init__.py")
MODELS = body("/srv/shop/models.py")


@rows(
    ("stack", "found"),
    [
        ([HANDLE, FIND, STAT, REAL], (HANDLE, "")),
        ([HANDLE, FIND, PANDAS, FIND, NUMPY, REAL], (HANDLE, PANDAS["file"])),
        ([HANDLE, BY_NAME, FIND, PANDAS], (HANDLE, PANDAS["file"])),
        ([HANDLE, FIND, MODELS, FIND, PANDAS], (MODELS, PANDAS["file"])),
        ([HANDLE, FIND, MODELS, REAL], None),  # its own module computes
        ([HANDLE, LOAD, BY_NAME, FIND, PANDAS], (LOAD, PANDAS["file"])),
        ([LOAD, BY_NAME, FIND, PANDAS, FIND, NUMPY], (LOAD, PANDAS["file"])),
        ([BY_NAME, FIND, PANDAS], (BY_NAME, PANDAS["file"])),
        ([FIND, PANDAS, RUN, LOAD, FIND, NUMPY], (LOAD, NUMPY["file"])),
        ([FIND, PANDAS, RUN, LOAD], None),  # the program was started by an import
        ([HANDLE, REAL], None),
        ([], None),
    ],
)
def test_who_imports_what(stack: list[Frame], found: tuple[Frame, str] | None) -> None:
    assert importing(stack) == found
