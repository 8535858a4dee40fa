"""Each example of docs/causes.md, run as it stands: `lifesign why` says of it what the page says that it says."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support import victims
from support.illnesses.explained import why
from support.paths import ROOT
from support.waiting import eventually

SETTINGS = {"LIFESIGN_EVENTS": "order=1s", "LIFESIGN_HEARTBEAT_TIMEOUT": "1s", "LIFESIGN_BOOT_TIMEOUT": "3"}
AT_ONCE = 6  # programs; each costs a start of Python
_EXAMPLE = re.compile(r"^### (\S+)\n\n```python\n(.*?)```\n\n```text\n(.*?)\n```", re.MULTILINE | re.DOTALL)
_WAITED = re.compile(r", for \d+ s")  # said once a second look has seen it
_COUNTS = re.compile(
    r"(?:(?<=port )|(?<=pid )|(?<=up from ))\d+"
    r"|\d+(?:\.\d+)?(?= s\b| %| of \d+ samples| samples| times| items in)"
)


class Example(NamedTuple):
    """A cause, a program that has it, and the sentence of the page."""

    word: str
    program: str
    sentence: str


EXAMPLES = [Example(*found) for found in _EXAMPLE.findall((ROOT / "docs" / "causes.md").read_text("utf-8"))]


def plain(sentence: str) -> str:
    """Without what differs from run to run: times, counts of samples, PIDs and ports."""
    return _COUNTS.sub("#", _WAITED.sub("", sentence))


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The causes of each example, once its own is said as the page has it or nothing more can be hoped for."""
    found: dict[str, list[dict[str, Any]]] = {}
    for start in range(0, len(EXAMPLES), AT_ONCE):
        batch = EXAMPLES[start : start + AT_ONCE]
        with contextlib.ExitStack() as running:
            places = {example: _started(example, tmp_path_factory.mktemp(example.word), running) for example in batch}
            for example, directory in places.items():
                with contextlib.suppress(AssertionError):  # the test of that example says what it was instead

                    def seen(example: Example = example, directory: Path = directory) -> bool:
                        found[example.word] = why(directory)["causes"]
                        return plain(example.sentence) in {plain(cause["sentence"]) for cause in found[example.word]}

                    eventually(seen, 90.0, 0.5)
    return found


def _started(example: Example, folder: Path, running: contextlib.ExitStack) -> Path:
    program, directory = folder / "shop.py", folder / "run"
    program.write_text(example.program, "utf-8")
    directory.mkdir()
    process = running.enter_context(victims.start([sys.executable, str(program)], directory, SETTINGS))
    running.callback(process.kill)
    eventually(lambda: victims.folders(directory))
    return directory


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.word)
def test_an_example_is_explained_as_the_page_says(example: Example, said: dict[str, list[dict[str, Any]]]) -> None:
    sentences = {cause["word"]: plain(cause["sentence"]) for cause in said[example.word]}
    assert sentences.get(example.word) == plain(example.sentence), sentences


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) >= 23
