"""``lifesign inject DIR``: puts the agent where another container finds it on its ``PYTHONPATH``."""

from __future__ import annotations

import argparse
import compileall
import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Iterator

import lifesign
from lifesign.cli.output.permissions import closed_to_others
from lifesign.errors import EXIT_OK, RunDirectoryError, UsageError

# The rooms that need the standard library alone; of the package's own modules the main process gets all.
_FOLDERS = ("agent", "judge", "wire")
_COMMAND = "__main__.py"
_PACKAGE = os.path.dirname(os.path.abspath(lifesign.__file__))


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", metavar="DIR", help="a folder that the main container sees, such as an emptyDir")


def main(args: argparse.Namespace) -> int:
    """Copies, and prints the line that the main container needs in its environment."""
    print(f"PYTHONPATH={inject(args.directory)}")
    return EXIT_OK


def inject(directory: str) -> str:
    """Copies the agent to ``directory/lifesign``, replacing an earlier copy at once; readable by everybody.

    Returns:
        The folder to put first on ``PYTHONPATH``.

    Raises:
        UsageError: the folder cannot stand on a ``PYTHONPATH``, or holds a full lifesign.
        RunDirectoryError: it cannot be written.
    """
    directory = os.path.abspath(directory)
    target = os.path.join(directory, "lifesign")
    if os.pathsep in directory:
        raise UsageError(f"{directory} cannot be on a PYTHONPATH: it contains {os.pathsep!r}", "another folder")
    if os.path.isdir(os.path.join(target, "cli")):
        raise UsageError(f"{target} is a full lifesign, not an earlier copy of the agent", "a folder of its own")
    try:
        with closed_to_others():
            os.makedirs(directory, exist_ok=True)
        with _staging(directory) as staging:
            _copy(os.path.join(staging, "new"))
            _swap(os.path.join(staging, "new"), target, os.path.join(staging, "old"))
    except OSError as error:
        where = error.filename or directory
        files = [path for path in (Path(where), *Path(where).parents) if path.is_file()]
        if files:
            hint = "a folder, which is made where it is missing"
            raise RunDirectoryError(f"{files[0]} is a file", hint) from None
        hint = "make it writable for the user that runs this"
        raise RunDirectoryError(f"{where} cannot be written: {error.strerror}", hint) from None
    return os.path.join(target, "agent", "inject")


@contextlib.contextmanager
def _staging(directory: str) -> Iterator[str]:
    path = tempfile.mkdtemp(prefix=".lifesign-", dir=directory)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _copy(target: str) -> None:
    def left_out(folder: str, names: list[str]) -> set[str]:
        if folder != _PACKAGE:
            return {"__pycache__"}.intersection(names)
        return {_COMMAND, *(entry.name for entry in os.scandir(folder) if entry.is_dir())} - {*_FOLDERS}

    shutil.copytree(_PACKAGE, target, ignore=left_out)
    # Unchecked: the copy is replaced as a whole, and neither a read-only mount nor a changed time may
    # cost the main process its compiled modules.
    compileall.compile_dir(target, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    for folder, _, names in os.walk(target):
        os.chmod(folder, 0o755)  # noqa: S103 - the main container may run as any user
        for name in names:
            os.chmod(os.path.join(folder, name), 0o644)


def _swap(new: str, target: str, old: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.rename(target, old)
    try:
        os.rename(new, target)
    except OSError:
        with contextlib.suppress(OSError):
            os.rename(old, target)
        raise
