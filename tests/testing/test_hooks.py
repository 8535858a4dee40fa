"""The hooks around marked tests, by a pytest inside of this one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from support.waiting import eventually

SOURCE = """
import asyncio
import time
import unittest

import pytest

import lifesign


async def blocks():
    time.sleep(0.1)


@pytest.mark.lifesign(max_block_ms=10)
def test_blocks():
    asyncio.run(blocks())


@pytest.mark.lifesign(max_block_ms=10)
def test_blocks_and_fails():
    asyncio.run(blocks())
    raise ZeroDivisionError


@pytest.mark.lifesign
class ShopTest(unittest.TestCase):
    def test_in_a_class(self):
        pass


@pytest.mark.lifesign
@pytest.mark.parametrize("anyio_backend", [("trio", {})])
def test_trio(anyio_backend):
    pass


def test_fixture(lifesigns):
    lifesign.event("order")
    lifesigns.assert_event("order", times=1)


def test_fixture_by_name(request):
    assert request.getfixturevalue("lifesigns").events == {}
"""
NOT_WANTED = ("cacheprovider", "faulthandler", "logging", "warnings")


class Seen:
    """What is reported."""

    def __init__(self) -> None:
        self.reports: dict[str, tuple[str, str, list[tuple[str, str]]]] = {}
        self.selected: list[str] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.selected = [item.name for item in session.items]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.failed:
            name = report.nodeid.rpartition("::")[2]
            self.reports[name] = (report.outcome, report.longreprtext, report.sections)


def run(folder: Path, source: str, *options: str) -> Seen:
    (folder / "test_shop.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\n")
    seen = Seen()
    plugins = ["-plifesign.testing.plugin", *(f"-pno:{name}" for name in NOT_WANTED)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        line = [str(folder), "-qq", "--assert=plain", "--import-mode=importlib", *plugins, *options]
        pytest.main(line, plugins=[seen])
    sys.modules.pop("test_shop", None)  # the next one has the same name
    return seen


def run_blamed(folder: Path, source: str, *options: str) -> dict[str, Any]:
    """What is reported once each block was seen: what a busy machine has taken is not counted."""

    def reports() -> dict[str, Any] | None:
        found = run(folder, source, *options).reports
        return found if found["test_blocks"][0] == "failed" and found["test_blocks_and_fails"][2] else None

    return eventually(reports)


def test_what_is_reported(tmp_path: Path) -> None:
    reports = run_blamed(tmp_path, SOURCE)
    assert {name: outcome for name, (outcome, _, _) in reports.items()} == {
        "test_blocks": "failed",
        "test_blocks_and_fails": "failed",
        "test_in_a_class": "passed",
        "test_trio[anyio_backend0]": "failed",
        "test_fixture": "passed",
        "test_fixture_by_name": "passed",
    }
    assert reports["test_blocks"][1].startswith("the event loop was blocked for longer than 10 ms\n")
    assert "ZeroDivisionError" in reports["test_blocks_and_fails"][1]
    ((title, text),) = reports["test_blocks_and_fails"][2]
    assert title == "Captured lifesign call"
    assert "blocks (test_shop.py:12) waits" in text
    assert "this test runs on trio, which is not asyncio" in reports["test_trio[anyio_backend0]"][1]


def test_all_are_marked_by_an_option_and_none_by_nothing(tmp_path: Path) -> None:
    source = SOURCE.replace("@pytest.mark.lifesign(max_block_ms=10)\n", "").replace("@pytest.mark.lifesign\n", "")
    reports = run(
        tmp_path, source, "--lifesign", "--lifesign-max-block-ms=10", "-k", "test_blocks or test_trio"
    ).reports
    assert reports["test_blocks"][0] == "failed"
    assert reports["test_trio[anyio_backend0]"][0] == "passed"
    reports = run(tmp_path, source, "-k", "test_blocks").reports
    assert reports["test_blocks"][0] == "passed"


def test_the_boot_is_first_whatever_is_selected_among_the_tests(tmp_path: Path) -> None:
    source = "def test_orders(): pass\ndef test_refunds(): pass"
    selected = run(tmp_path, source, "--lifesign-boot=python -m shop", "--collect-only", "-k", "refunds").selected
    assert selected == ["lifesign-boot", "test_refunds"]
