"""The programs that are asked for their causes: ill ones, those that only look so, the demo, and services of others."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path
from typing import NamedTuple

from e2e.apps.table import SERVERS, WEB, WORKERS
from support.apps.programs import HOME
from support.backends.ports import free_port
from support.paths import SIDECAR, VICTIMS

LISTENS = {**WEB, **SERVERS, **WORKERS}
# Deadlocks; all else that these programs suffer from needs a promise to be a cause of anything.
ILL = {"causes two-orders", "causes nested", "awaiting"}
_NAMED = ("causes", "threads", "waits", "stages")
_SIMPLE = ("awaiting", "service", "chronic", "patient", "desk", "gated")


class Asked(NamedTuple):
    """A program: its command line, where it runs, and whether it is in a deadlock."""

    name: str
    version: str
    command: list[str]
    folder: Path
    ill: bool


def of_ours(version: str, python: str) -> list[Asked]:
    """The victims and the demo, run by this interpreter."""
    lines = {
        **{
            f"{program} {name}": [str(VICTIMS / f"{program}.py"), name]
            for program in _NAMED
            for name in _names(program)
        },
        **{f"lookalikes {name}": [str(VICTIMS / "lookalikes.py"), name] for name in _listed(python, "lookalikes.py")},
        **{name: [str(VICTIMS / f"{name}.py")] for name in _SIMPLE},
        "demo": ["-m", "lifesign.demo"],
    }
    return [Asked(name, version, [python, *line], SIDECAR, name in ILL) for name, line in lines.items()]


def of_others(version: str, apps: Path) -> list[Asked]:
    """Services that know nothing of lifesign, from a folder with programs."""
    made = []
    for name, program in LISTENS.items():
        command = program.command.format(port=free_port(), folder=apps).split()
        made.append(Asked(name, version, [str(apps / command[0]), *command[1:]], HOME, False))
    python = str(apps / "python")
    for name in _listed(python, "lookalikes.py"):
        command = [python, str(VICTIMS / "lookalikes.py"), name, "uvloop"]
        made.append(Asked(f"lookalikes {name} uvloop", version, command, SIDECAR, False))
    return made


def _names(program: str) -> list[str]:
    """What these programs do has a name: a key of a dictionary, or that of a coroutine without arguments."""
    tree = ast.parse((VICTIMS / f"{program}.py").read_text())
    keys = [key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys]
    named = [str(key.value) for key in keys if isinstance(key, ast.Constant)]
    if not named:
        bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
        functions = [node for body in bodies for node in body if isinstance(node, ast.AsyncFunctionDef)]
        named = [one.name for one in functions if [each.arg for each in one.args.args] in ([], ["self"])]
    return sorted(set(named))


def _listed(python: str, program: str) -> list[str]:
    listed = subprocess.run([python, str(VICTIMS / program), "--list"], stdout=subprocess.PIPE, text=True, check=True)
    return listed.stdout.split()
