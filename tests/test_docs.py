"""What a user can set or see is in the README or the reference, and they name nothing else."""

from __future__ import annotations

import ast
import functools
import os
import re
import runpy
from pathlib import Path

import pytest

import lifesign
from lifesign import checkspec, semconv, settings
from lifesign.cli.main import COMMANDS, main
from lifesign.judge.states import STATES
from support.paths import ROOT
from support.rows import rows

README = "\n".join(file.read_text() for file in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))))
QUOTED = set(re.findall(r"`([^`\n]+)`", README))
TEXTS = (".py", ".sh", ".md", ".toml", ".yaml", ".html", ".js")
NAMES = sorted(
    value
    for name, value in vars(semconv).items()
    if name.isupper()
    and isinstance(value, str)
    and name not in ("SCOPE", "VERSION", "SYNTHETIC_TYPE", "SYNTHETIC_TEST")
)


def test_every_telemetry_name_is_in_the_readme() -> None:
    named = QUOTED | {quoted.partition(" ")[0] for quoted in QUOTED}
    assert [name for name in NAMES if name not in named] == []


def test_every_lifesign_name_in_the_readme_is_one_that_we_emit() -> None:
    emitted = set(NAMES)
    reference = (ROOT / "docs" / "reference.md").read_text()
    quoted = set(re.findall(r"`([^`\n]+)`", README.split("## ")[0] + reference))
    named = {name for name in quoted if re.fullmatch(r"(lifesign|process)\.[a-z_.]+", name)}
    assert named - emitted == set()


TABLES = runpy.run_path(str(ROOT / "docs" / "tables.py"))


@pytest.mark.parametrize("page", TABLES["PAGES"])
def test_the_tables_of_a_page_are_those_of_the_code(page: str) -> None:
    assert TABLES["renewed"](page) == (ROOT / "docs" / page).read_text(), "run python docs/tables.py"


def test_the_words_of_the_page_of_causes_are_those_of_the_code() -> None:
    text = (ROOT / "docs" / "causes.md").read_text()
    page = {
        word for line in re.findall(r"^\| (`.+?) \|", text, re.MULTILINE) for word in re.findall(r"`([a-z-]+)`", line)
    }
    code = {
        node.value
        for folder in ("judge", "cli/query")
        for file in (ROOT / "sidecar" / "lifesign" / folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert page <= code
    assert {word for word in code if re.fullmatch(r"[a-z]+(-[a-z]+)+", word)} <= page


def test_every_variable_in_the_readme_is_a_setting() -> None:
    known = {setting.env for setting in settings.TABLE} | {"LIFESIGN_CONFIG"}
    makes = {"LIFESIGN_SOAK_SECONDS", "LIFESIGN_SOAK_OUTPUT", "LIFESIGN_CACHE"}  # of the repository, not of the product
    assert set(re.findall(r"LIFESIGN_[A-Z_]+", README)) - makes == known


def test_every_verb_is_in_the_readme() -> None:
    assert [verb for verb in COMMANDS if f"| `lifesign {verb}" not in README] == []


def test_every_call_is_in_the_readme_and_can_be_had() -> None:
    calls = {*lifesign.__all__} - {"__version__", "Report", "Result"}
    assert {name for name in calls if name not in README} <= {"is_synthetic"}
    assert {name for name in calls if not getattr(lifesign, name).__doc__} == set()


@functools.cache
def documents() -> list[str]:
    folders = ("", "docs", "collector-config", "helm/lifesign")
    return [file.read_text() for folder in folders for file in sorted((ROOT / folder).glob("*.md"))]


@rows("verb", COMMANDS)
def test_every_flag_of_a_command_in_the_documents_exists(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = {
        flag
        for text in documents()
        for match in re.finditer(rf"lifesign {verb}\b([^`\n]*)", text)
        for flag in re.findall(r"(?<!\S)\[?(--[a-z][a-z-]+)", match[1].partition(" -- ")[0])
    }
    assert main([verb, "--help"]) == 0
    assert flags - set(re.findall(r"(?<![\w-])--[\w-]+", capsys.readouterr().out)) == set()


def test_the_python_in_the_documents_is_python() -> None:
    blocks = [block for text in documents() for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]
    assert blocks
    for block in blocks:
        compile(block, "README", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_every_state_is_in_the_readme() -> None:
    assert [state for state in STATES if f"| `{state}` |" not in README] == []


def test_every_alert_has_a_line_and_a_runbook() -> None:
    alerts = re.findall(r"- alert: (\w+)", (ROOT / "collector-config" / "alerts.yaml").read_text())
    lines = re.findall(r"^\| \[`(\w+)`\]\((\S+)\)", (ROOT / "docs" / "alerts.md").read_text(), re.MULTILINE)
    assert sorted(lines) == sorted((name, f"../collector-config/runbooks/{name}.md") for name in alerts)


def test_every_variable_of_the_collectors_files_is_in_their_readme() -> None:
    files = "\n".join(file.read_text() for file in (ROOT / "collector-config").glob("*.yaml"))
    page = (ROOT / "collector-config" / "README.md").read_text()
    read = set(re.findall(r"\$\{env:(LIFESIGN_\w+)", files))
    assert read == set(re.findall(r"`(LIFESIGN_[A-Z0-9_]+)`", page))


def test_every_form_of_a_check_is_one() -> None:
    page = (ROOT / "docs" / "checks.md").read_text()
    forms = [form for cell in re.findall(r"^\| (`.+?) \|", page, re.MULTILINE) for form in re.findall(r"`(.+?)`", cell)]
    assert len(forms) >= 10
    meant = {"URL": "http://web/", "PORT": "80", "HOST": "db", "PATH": "/run/alive", "...": "db", "/DATABASE": "/shop"}
    for form in forms:
        for word, value in meant.items():
            form = form.replace(word, value)
        assert checkspec.parse(form).kind == re.split("[:<]", form)[0], form


def test_the_package_has_what_it_says_and_nothing_else() -> None:
    assert set(lifesign.__all__) == {*lifesign._HOME, "__version__"}
    assert set(lifesign.__all__) <= set(dir(lifesign))
    with pytest.raises(AttributeError, match="no attribute 'surprise'"):
        lifesign.surprise  # noqa: B018


def test_the_version_is_in_the_changelog() -> None:
    assert f"## {semconv.VERSION}" in (ROOT / "CHANGELOG.md").read_text()


def test_no_machine_of_ours_is_named() -> None:
    suspicious = re.compile(r'https?://(pypi|registry|deb|proxy)\.|(?<![\w"])/(work|root)/')
    hints = ("://pypi.", "://registry.", "://deb.", "://proxy.", "/work/", "/root/")
    found = []
    for folder, below, names in os.walk(ROOT):
        below[:] = {*below} - {".venv", ".git", "__pycache__"}
        files = [Path(folder, name) for name in names if name.endswith(TEXTS)]
        for text, file in ((file.read_text(), file) for file in files if file != Path(__file__)):
            if any(hint in text for hint in hints) and suspicious.search(text):  # few files have a hint
                found.append(file)
    assert found == []
