"""What `tests/tools` built or found for the tests: a variable for each, which `make test` sets."""

from __future__ import annotations

import os
import sys

import pytest


def built(name: str) -> str:
    """What `tests/tools/<name>.sh` printed; the test fails where that is not known."""
    variable = "LIFESIGN_TEST_" + name.upper().replace("-", "_")
    value = os.environ.get(variable)
    if not value:
        pytest.fail(f"{variable} is not set: run `make test`, or set it to what tests/tools/{name}.sh prints")
    return value


def entries(text: str) -> dict[str, str]:
    """Of `name=value:name=value`."""
    return dict(entry.split("=", 1) for entry in text.split(":") if entry)


# The interpreters at hand, by version; this one alone where nobody says which there are.
PYTHONS = entries(os.environ.get("LIFESIGN_TEST_PYTHONS", "")) or {
    "{}.{}".format(*sys.version_info): sys.executable,
}
