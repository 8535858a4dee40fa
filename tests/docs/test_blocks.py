"""No block of README and docs is only words: each is run by some test, or read by the program that it is for.

A new block fails here until it is in one of these tables: those that a test runs, and those that cannot be run here,
with the reason.
"""

from __future__ import annotations

import re

from support.documented.blocks import Block, blocks
from support.paths import ROOT, TESTS

RUN = "e2e/documented/test_commands.py"
PYTHON = "e2e/documented/test_python.py"
NODE = "cluster"  # on a real node of Kubernetes
# Of each page: how its blocks begin, and where they are run.
HELD: dict[str, dict[str, str]] = {
    "README.md": {
        "make demo": "e2e/commands/test_demo.py",
        "pip install 'lifesign[sidecar]'": RUN,
        "export OTEL_EXPORTER_OTLP_ENDPOINT": RUN,
        "lifesign inject": RUN,
        "$ lifesign why": RUN,
        "import lifesign": PYTHON,
    },
    "docs/api.md": {"curl -s http": RUN, "curl -s -X POST": RUN},
    "docs/attach.md": {"lifesign attach": "e2e/attach/test_attach.py"},  # Python 3.14
    "docs/causes.md": {"": "e2e/causes/test_documented.py"},
    "docs/dry-run.md": {"lifesign run --dry-run": RUN, "@lifesign.dry_run_handler": PYTHON},
    "docs/first-hour.md": {"": "cluster/installs/test_first_hour.py"},
    "docs/in-code.md": {"import lifesign": PYTHON},
    "docs/json.md": {'{"schema"': "cli/test_json_docs.py", "lifesign why --json": RUN},
    "docs/kubernetes.md": {
        "# Chart.yaml": "helm/test_page.py",
        "{{ include": "helm/test_page.py",
        "helm install": "helm/test_page.py",
        "helm upgrade": "helm/test_page.py",
        "monitoring:": "helm/test_page.py",
        "# where lifesign is not in the image": "cluster/test_attach.py",
        'echo \'{"securityContext"': "cluster/test_attach.py",
    },
    "docs/smoke.md": {"$ lifesign smoke": RUN, "- run: pip install": RUN},
    "docs/systemd.md": {"[Unit]": RUN},
    "docs/ten-minutes.md": {"": "e2e/documented/test_ten_minutes.py"},
    "docs/testing.md": {"": "e2e/documented/test_testing.py"},
    "docs/ways-to-run.md": {"": "docs/test_ways_to_run.py"},
    "docs/why.md": {"$ lifesign why": RUN, "$ lifesign stalls": RUN},
}
# Those that are read here and run nowhere.
CANNOT: dict[tuple[str, str], str] = {
    ("docs/delivery.md", "main process --store"): "a drawing",
    (
        "docs/kubernetes.md",
        "docker build",
    ): "needs a registry; the image of tests/tools/images.sh is built of the same file",
    ("docs/performance.md", "make bench"): "half an hour; tests/benchmarks/test_benchmarks.py runs each for a moment",
    ("docs/seeing.md", "make stack"): "stays up; tests/e2e/stack/test_stack.py starts and ends it",
}

ALL = blocks()


def holder(block: Block) -> str:
    """The test that runs a block, or empty."""
    held = HELD.get(block.page, {})
    return next((test for first, test in held.items() if block.first.startswith(first)), "")


def reason(block: Block) -> str:
    return next(
        (why for (page, first), why in CANNOT.items() if page == block.page and block.first.startswith(first)), ""
    )


def test_every_block_is_run_or_read_or_it_is_said_why_not() -> None:
    forgotten = [(block.page, block.first) for block in ALL if not holder(block) and not reason(block)]
    assert forgotten == []


def test_nothing_is_held_that_is_not_there() -> None:
    named = {(page, first) for page, held in HELD.items() for first in held} | set(CANNOT)
    gone = [
        (page, first)
        for page, first in named
        if not any(block.page == page and block.first.startswith(first) for block in ALL)
    ]
    assert gone == []
    assert [test for held in HELD.values() for test in held.values() if not (TESTS / test).exists()] == []


def test_what_is_run_there_is_named_there() -> None:
    named = (TESTS / RUN).read_text()
    for page, held in HELD.items():
        for first, test in held.items():
            if test == RUN:
                assert f'"{page}"' in named, page
                assert re.search(rf"[\"']{re.escape(first)}", named), (page, first)


def test_targets_of_make_are_there() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {found for block in ALL for found in re.findall(r"^make ([a-z]+)", block.content, re.MULTILINE)}
    assert named
    assert named <= targets


def test_what_is_to_be_installed_is_this_package_with_an_extra_that_it_has() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    extras = set(
        re.findall(r"^([a-z]+) = \[", project[project.index("[project.optional-dependencies]") :], re.MULTILINE)
    )
    named = [
        found for block in ALL for found in re.findall(r"pip install [^\n]*?lifesign(?:\[(\w+)\])?", block.content)
    ]
    assert len(named) >= 4
    assert set(named) - {""} <= extras
