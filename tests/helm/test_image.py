"""What the Dockerfile and its lock say; that it builds and runs is for the pods to show."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from support.paths import ROOT

LOCKED = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
PROJECT = (ROOT / "pyproject.toml").read_text()
SIDECAR = re.findall(r'^    "([^"]+)",$', PROJECT.partition("sidecar = [")[2].partition("]\n")[0], re.MULTILINE)
PYTHON = {"python_version": "3.13"}


@pytest.mark.parametrize("requirement", [Requirement(text) for text in SIDECAR], ids=lambda found: found.name)
def test_the_lock_has_what_the_sidecar_wants(requirement: Requirement) -> None:
    if requirement.marker is None or requirement.marker.evaluate(PYTHON):
        assert Version(LOCKED[requirement.name]) in requirement.specifier


def test_every_package_is_locked_by_hash() -> None:
    blocks = re.split(r"^(?=[a-z])", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)[1:]
    assert len(blocks) == len(LOCKED) > len(SIDECAR)
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_user_is_a_number_other_than_root() -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert int(user) > 0


def test_no_shell_is_needed_to_start() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^(?:ENTRYPOINT|CMD) (.*)$", dockerfile, re.MULTILINE) == ['["lifesign"]', '["watch"]']
