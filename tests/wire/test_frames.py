"""Whose code a frame is in, by where its file lies."""

from __future__ import annotations

import pytest

from lifesign.wire.frames import is_library


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
    ],
)
def test_whose_code_it_is(file: str, library: bool) -> None:
    assert is_library(file) is library
