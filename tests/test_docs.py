"""What a user can set or see is in the README or the reference, and they name nothing else."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path
from typing import Iterator

import pytest

import lifesign
from lifesign import semconv, settings
from lifesign.cli.main import COMMANDS, main
from lifesign.judge.states import STATES
from support.paths import ROOT

README = "\n".join((ROOT / name).read_text() for name in ("README.md", "docs/reference.md"))
QUOTED = set(re.findall(r"`([^`\n]+)`", README))
TEXTS = (".py", ".sh", ".md", ".toml", ".yaml", ".html", ".js")
NAMES = sorted(
    value
    for name, value in vars(semconv).items()
    if name.isupper()
    and isinstance(value, str)
    and name not in ("SCOPE", "VERSION", "SYNTHETIC_TYPE", "SYNTHETIC_TEST")
)


@pytest.mark.parametrize("name", NAMES)
def test_every_telemetry_name_is_in_the_readme(name: str) -> None:
    assert name in QUOTED or any(quoted.startswith(f"{name} ") for quoted in QUOTED)


def test_every_lifesign_name_in_the_readme_is_one_that_we_emit() -> None:
    emitted = set(NAMES)
    named = {quoted for quoted in QUOTED if re.fullmatch(r"(lifesign|process)\.[a-z_.]+", quoted)}
    assert named - emitted == set()


@pytest.mark.parametrize("setting", settings.TABLE, ids=lambda setting: setting.name)
def test_every_setting_is_in_the_readme_with_its_default(setting: settings.Setting) -> None:
    row = next((line for line in README.splitlines() if line.startswith(f"| `{setting.env}`")), None)
    assert row is not None
    assert setting.alias is None or f"`{setting.alias}`" in row
    if setting.default:
        assert row.split("|")[2].strip() == setting.default


def test_every_variable_in_the_readme_is_a_setting() -> None:
    known = {setting.env for setting in settings.TABLE} | {"LIFESIGN_CONFIG"}
    assert set(re.findall(r"LIFESIGN_[A-Z_]+", README)) == known


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_is_in_the_readme(verb: str) -> None:
    assert f"| `lifesign {verb}" in README


@pytest.mark.parametrize("name", [name for name in lifesign.__all__ if name not in ("__version__", "Report", "Result")])
def test_every_call_is_in_the_readme_and_can_be_had(name: str) -> None:
    assert name in README or name == "is_synthetic"
    assert getattr(lifesign, name).__doc__


def documents() -> Iterator[str]:
    for folder in ("", "docs", "collector-config", "helm/lifesign"):
        yield from (file.read_text() for file in sorted((ROOT / folder).glob("*.md")))


FLAGS = sorted(
    {
        (match[1], flag)
        for text in documents()
        for match in re.finditer(rf"lifesign ({'|'.join(COMMANDS)})\b([^`\n]*)", text)
        for flag in re.findall(r"(?<!\S)\[?(--[a-z][a-z-]+)", match[2].partition(" -- ")[0])
    }
)


@pytest.mark.parametrize(("verb", "flag"), FLAGS)
def test_every_flag_of_a_command_in_the_documents_exists(
    verb: str, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb, "--help"]) == 0
    assert re.search(rf"(?<![\w-]){flag}(?![\w-])", capsys.readouterr().out)


def test_the_python_in_the_documents_is_python() -> None:
    blocks = [block for text in documents() for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]
    assert blocks
    for block in blocks:
        compile(block, "README", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_in_the_readme(state: str) -> None:
    assert f"| `{state}` |" in README


def test_the_package_has_what_it_says_and_nothing_else() -> None:
    assert set(lifesign.__all__) == {*lifesign._HOME, "__version__"}
    assert set(lifesign.__all__) <= set(dir(lifesign))
    with pytest.raises(AttributeError, match="no attribute 'surprise'"):
        lifesign.surprise  # noqa: B018


def test_the_version_is_in_the_changelog() -> None:
    assert f"## {semconv.VERSION}" in (ROOT / "CHANGELOG.md").read_text()


def test_no_machine_of_ours_is_named() -> None:
    suspicious = re.compile(r'https?://(pypi|registry|deb|proxy)\.|(?<![\w"])/(work|root)/')
    found = []
    for folder, below, names in os.walk(ROOT):
        below[:] = {*below} - {".venv", ".git", "__pycache__"}
        files = [Path(folder, name) for name in names if name.endswith(TEXTS)]
        found += [file for file in files if file != Path(__file__) and suspicious.search(file.read_text())]
    assert found == []
