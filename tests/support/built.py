"""What `tests/tools` built or found for the tests: in a variable that `make test` sets, or when it is asked."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.paths import TOOLS


def built(name: str) -> str:
    """What `tests/tools/<name>.sh` printed; without it the test fails, and where that was nothing it is skipped."""
    variable = "LIFESIGN_TEST_" + name.upper().replace("-", "_")
    value = os.environ.get(variable)
    if value is None:
        pytest.fail(f"{variable} is not set: run `make test`, or set it to what tests/tools/{name}.sh prints")
    if not value:
        pytest.skip(f"this machine has no {name}: tests/tools/{name}.sh says why")
    return value


def found(name: str) -> str:
    """What `tests/tools/<name>.sh` prints, which looks for it only now; where it cannot be had the test is skipped."""
    asked = subprocess.run([TOOLS / f"{name}.sh"], capture_output=True, text=True, timeout=300, check=False)
    if asked.returncode == 3:
        pytest.skip(asked.stderr.strip())
    assert asked.returncode == 0, asked.stderr
    return asked.stdout.strip()


def entries(text: str) -> dict[str, str]:
    """Of `name=value:name=value`."""
    return dict(entry.split("=", 1) for entry in text.split(":") if entry)


# The interpreters at hand, by version; this one alone where nobody says which there are.
PYTHONS = entries(os.environ.get("LIFESIGN_TEST_PYTHONS", "")) or {
    "{}.{}".format(*sys.version_info): sys.executable,
}
