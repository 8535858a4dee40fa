"""docs/first-hour.md from top to bottom: its commands, letter by letter, and what it says that they answer."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from cluster.client import Client
from cluster.scene import PATIENCE
from support.built import built
from support.paths import ROOT
from support.waiting import eventually

pytestmark = pytest.mark.long  # a message comes after a minute and a half
_PAGE = (ROOT / "docs" / "first-hour.md").read_text()
_PARTS = re.compile(r"^## (?P<heading>.+?)\n|^```(?P<kind>sh|text)\n(?P<content>.*?)^```\n", re.MULTILINE | re.DOTALL)
# Under the names that a reader's cluster fetches them by.
_IMAGES = {
    "registry.example/lifesign:0.1.0": "",
    "docker.io/otel/opentelemetry-collector-contrib:0.159.0": "COLLECTOR",
    "docker.io/prom/prometheus:v3.15.0": "PROMETHEUS",
    "docker.io/prom/alertmanager:v0.34.2": "ALERTMANAGER",
    "docker.io/library/python:3.13-slim": "PYTHON",
}


class Step(NamedTuple):
    """Some commands, under which heading, and what the page shows of their answer."""

    heading: str
    commands: str
    answer: str


def steps() -> Iterator[Step]:
    heading, commands = "", ""
    for part in _PARTS.finditer(_PAGE):
        if part["kind"] == "text":
            yield Step(heading, commands, part["content"])
            commands = ""
            continue
        if commands:
            yield Step(heading, commands, "")
        commands = part["content"] if part["kind"] else ""
        heading = part["heading"] or heading
    if commands:
        yield Step(heading, commands, "")


STEPS = list(steps())


@pytest.fixture(scope="module")
def images(cluster: Client) -> None:
    for name, of in _IMAGES.items():
        source = os.environ[f"LIFESIGN_TEST_NODE_{of}"] if of else built("images").partition(" ")[2]
        tag = ["ctr", "--namespace", "k8s.io", "images", "tag", "--force", source, name]
        subprocess.run(tag, check=True, stdout=subprocess.DEVNULL)


def do(commands: str) -> str:
    """What a shell answers, started where the page wants its reader to be."""
    path = f"{Path(built('helm')).parent}:{os.environ['PATH']}"
    shell = ["bash", "-e", "-c", commands]
    ended = subprocess.run(shell, cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert ended.returncode == 0, f"{commands}{ended.stdout}{ended.stderr}"
    return ended.stdout


def shows(answer: str, shown: str) -> bool:
    """Whether an answer has every line of what is shown, in its order; `...` is any text within a line."""
    lines = [".*".join(map(re.escape, line.split("..."))) for line in shown.splitlines()]
    return re.search(r"\n(?:.*\n)*?".join(f"{line}.*" for line in lines), answer) is not None


@pytest.mark.parametrize("step", STEPS, ids=[step.heading.replace(" ", "-").lower() for step in STEPS])
def test_the_page_is_right(step: Step, images: None) -> None:
    if not step.answer:
        do(step.commands)
        return
    seen = ""

    def shown() -> bool:
        nonlocal seen
        seen = do(step.commands)
        return shows(seen, step.answer)

    try:
        eventually(shown, PATIENCE, 1)
    finally:
        print(f"\n{step.commands}{seen}")
