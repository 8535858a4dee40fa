"""The house itself: files and folders of a size that can be read, one name for one thing, plain words."""

from __future__ import annotations

import ast
import functools
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import Iterator

import pytest

import lifesign
from support.paths import ROOT

CODE = (".py", ".js", ".sh")
PACKAGE = ROOT / "sidecar" / "lifesign"
MODULES = sorted(PACKAGE.rglob("*.py"))
LINES_MAX = 300
FILES_MAX = 14
# Of programs that each stand alone.
LISTS = tuple(ROOT / "tests" / folder for folder in ("e2e/victims", "benchmarks/victims", "tools"))

# A word of ours that a stranger cannot search for, and what an engineer writes in its place.
WORDS = {
    r"told|untold|tellers?|tell_\w+": "report, export, write, acknowledge",
    r"(?:an?|the|one|each|every|next|last|first|two|no|its|later|idle) looks?\b(?! (?:at|like|up)\b)": "poll",
    r"looks of|look in progress|beside the looks|look_once": "poll",
    r"settle|settled|settles|unsettled": "flush, durable",
    r"roomy": "has_room",
    r"keepers?": "cursor store",
    r"tenancy": "lock",
    r"tally|tallies": "offsets, totals",
    r"witness|witnesses": "evidence",
    r"vouch|vouches|vouched": "say what it guarantees",
    r"nobody's business|in nobody's hands": "say what it does",
    r"(?:speaks?|spoke|spoken) of": "is about, covers, means",
    r"(?:ask|asks|asked|asking) after": "probe, check",
    r"good-?bye": "tombstone, clean stop",
    r"gatehouse|the room's face|chatter": "what it does",
    r"is no verb": "unknown command",
    r"one in so many": "sampled",
}
SPOKEN = re.compile(rf"\b(?:{'|'.join(WORDS)})\b")  # a third of the time that ignoring case takes
# A wait that ends after less than ten seconds but is none that is to end so, and a time that has to be as short.
IMPATIENT = re.compile(
    r"(?:wait_for\(.*,|\.(?:join|wait|acquire|result)\((?:timeout=)?) ?[1-9](?:\.\d+)?\)"
    r"|\(\) - \w+ <=? \d(?:\.\d+)?\b"
)
TEXTS = (".py", ".js", ".html", ".css", ".md", ".yaml", ".yml", ".tpl", ".json", ".toml", ".txt", ".sh")


@functools.cache
def text(file: Path) -> str:
    return file.read_text(errors="replace")


@functools.cache
def tree(module: Path) -> ast.Module:
    return ast.parse(text(module))


@functools.cache
def under(folder: str) -> list[Path]:
    found = []
    for path, folders, names in os.walk(ROOT / folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        found += [Path(path, name) for name in sorted(names)]
    return found


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (file for file in under(folder) if file.suffix in CODE)


def test_no_file_is_longer_than_a_person_reads() -> None:
    long = {str(file.relative_to(ROOT)): len(text(file).splitlines()) for file in sources("sidecar", "tests")}
    assert {name: lines for name, lines in long.items() if lines > LINES_MAX} == {}


@pytest.mark.parametrize("where", ["sidecar", "tests"])
def test_no_folder_is_a_heap(where: str) -> None:
    files = defaultdict(list)
    for file in sources(where):
        if file.name != "__init__.py" and file.parent not in LISTS:
            files[str(file.parent.relative_to(ROOT))].append(file.name)
    assert {folder: len(names) for folder, names in files.items() if len(names) > FILES_MAX} == {}


def test_one_class_name_is_one_thing() -> None:
    where = defaultdict(list)
    for file in MODULES:
        for name in re.findall(r"^class (\w+)", text(file), re.MULTILINE):
            where[name].append(str(file.relative_to(PACKAGE)))
    assert {name: files for name, files in where.items() if len(files) > 1} == {}


def test_no_module_only_forwards() -> None:
    more = re.compile(r"^class |^    (?:if|for|while|with|try|async)\b", re.MULTILINE)  # it has steps of its own
    forwarding = []
    for file in MODULES:
        if more.search(text(file)):
            continue
        body = [node for node in tree(file).body if not _is_docstring(node)]
        if body and all(isinstance(node, (ast.Import, ast.ImportFrom)) or _forwards(node) for node in body):
            forwarding.append(str(file.relative_to(PACKAGE)))
    assert forwarding == []


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _forwards(node: ast.stmt) -> bool:
    """An `__all__`, a name for something imported, or a function that hands its own parameters on and no more."""
    if isinstance(node, ast.Assign):
        return isinstance(node.value, (ast.Name, ast.Attribute)) or getattr(node.targets[0], "id", "") == "__all__"
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    steps = [
        step for step in node.body if not _is_docstring(step) and not isinstance(step, (ast.Import, ast.ImportFrom))
    ]
    if len(steps) != 1 or not isinstance(steps[0], (ast.Return, ast.Expr)):
        return False
    call = steps[0].value.value if isinstance(steps[0].value, ast.Await) else steps[0].value
    if not isinstance(call, ast.Call):
        return False
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    names = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
    return all(isinstance(value, ast.Name) and value.id in names for value in given)


def test_what_is_imported_from_the_package_is_there() -> None:
    """Also by programs that no unit test runs: victims, benchmarks, code in strings."""
    package = {".".join(("lifesign", *file.relative_to(PACKAGE).with_suffix("").parts)): file for file in MODULES}
    package = {name.removesuffix(".__init__"): file for name, file in package.items()}
    written = re.compile(r"from (lifesign(?:\.\w+)*) import (\w+(?: as \w+)?(?:, \w+(?: as \w+)?)*|\([^)]*\))")
    missing = []
    for file in (*sources("tests", "docs", "helm", "collector-config"), *MODULES):
        for module, names in written.findall(text(file)):
            for name in re.findall(r"(\w+)(?: as \w+)?", re.sub(r"#.*|[()]", "", names)):
                there = module in package and (f"{module}.{name}" in package or _has(package[module], name))
                if not there:
                    missing.append(f"{file.relative_to(ROOT)}: {module} {name}")
    assert missing == []


@functools.cache
def _has(module: Path, name: str) -> bool:
    """Whether the module has it; the names of the package itself are imported when they are used."""
    if module == PACKAGE / "__init__.py":
        return name in dir(lifesign)
    return name in _begun(module) or name in _defined(module)


@functools.cache
def _begun(file: Path) -> set[str]:
    """Most names are found so, and it need not be parsed."""
    begun = re.findall(r"^(?:(?:class|def|async def) (\w+)|(\w+)(?:: .*)? = )", text(file), re.MULTILINE)
    return {name for names in begun for name in names}


@functools.cache
def _defined(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name for alias in node.names)
    return names


@functools.cache
def texts() -> dict[Path, str]:
    files = [ROOT / name for name in ("Makefile", "Dockerfile", "pyproject.toml")]
    files += sorted(ROOT.glob("*.md"))
    for folder in ("sidecar", "docs", "helm", "collector-config", "tests"):
        files += [file for file in under(folder) if file.suffix in TEXTS]
    return {file: text(file) for file in files if file != Path(__file__) and "rendered" not in file.parts}


def documents() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def test_no_word_of_ours_that_nobody_could_look_up() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{content.count(os.linesep, 0, match.start()) + 1}: {match[0]}"
        for file, content in texts().items()
        for match in SPOKEN.finditer(content.lower())
    ]
    assert found == []


def test_no_test_is_impatient() -> None:
    """What is to come has ten seconds or more, and nothing is asserted to take less."""
    apart = {"victims", "suites", "benchmarks", "soak", "fuzz", "causes", "cluster"}
    found = [
        f"{file.relative_to(ROOT)}:{text(file).count(os.linesep, 0, match.start()) + 1}: {match[0]}"
        for file in sources("tests")
        if file.suffix == ".py" and apart.isdisjoint(file.parts)
        for match in IMPATIENT.finditer(text(file))
    ]
    assert found == []


def test_no_text_cites_a_document_that_is_not_there() -> None:
    cited = re.compile(r"\b(?:DESIGN|HOUSE|FACTS|RUNTIME-PACK|(?:[\w-]+/)*[\w-]+\.md)\b(?!\])")
    hints = (".md", "DESIGN", "HOUSE", "FACTS", "RUNTIME-PACK")  # most files have none
    named = {
        (file, match[0])
        for file, content in texts().items()
        if any(hint in content for hint in hints)
        for match in cited.finditer(content)
    }
    homes = (ROOT, ROOT / "docs")
    missing = {
        (str(file), name) for file, name in named if not any((h / name).is_file() for h in (*homes, file.parent))
    }
    assert missing == set()


def test_every_file_that_a_document_names_is_there() -> None:
    """`judge/health.py` by its path from the root, the package or the document; `health.py` alone by its name."""
    known = {
        path.name for folder in ("sidecar", "helm", "collector-config", "tests") for path in (ROOT / folder).rglob("*")
    }
    missing = []
    for document in documents():
        for name in re.findall(r"`((?:[\w.-]+/)*[\w-]+(?:\.(?:py|sh|md|yaml|toml|js|html)|/))`", text(document)):
            homes = (ROOT, PACKAGE, PACKAGE.parent, document.parent)
            if not any((home / name).exists() for home in homes) and name.rstrip("/") not in known:
                missing.append(f"{document.name}: {name}")
    assert missing == []
