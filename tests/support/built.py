"""What `tests/tools` built or found for the tests: a variable for each, which `make test` sets."""

from __future__ import annotations

import os
import sys

import pytest


def built(name: str) -> str:
    """What `tests/tools/<name>.sh` printed; without it the test fails, and where that was nothing it is skipped."""
    variable = "LIFESIGN_TEST_" + name.upper().replace("-", "_")
    value = os.environ.get(variable)
    if value is None:
        pytest.fail(f"{variable} is not set: run `make test`, or set it to what tests/tools/{name}.sh prints")
    if not value:
        pytest.skip(f"this machine has no {name}: tests/tools/{name}.sh says why")
    return value


def entries(text: str) -> dict[str, str]:
    """Of `name=value:name=value`."""
    return dict(entry.split("=", 1) for entry in text.split(":") if entry)


# The interpreters at hand, by version; this one alone where nobody says which there are.
PYTHONS = entries(os.environ.get("LIFESIGN_TEST_PYTHONS", "")) or {
    "{}.{}".format(*sys.version_info): sys.executable,
}
