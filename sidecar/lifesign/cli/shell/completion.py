"""``lifesign completion SHELL``: what completes the command line in a shell, made by shtab."""

from __future__ import annotations

import argparse
import importlib

from lifesign.cli.shell import parser as commandline
from lifesign.cli.shell.commands import COMMANDS
from lifesign.errors import EXIT_OK, MissingExtraError

_SHELLS = ("bash", "zsh", "fish")
_FOLDERS = ("DIR",)
_FILES = ("FILE",)


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", metavar="SHELL", choices=_SHELLS, help=f"one of {', '.join(_SHELLS)}")


def main(args: argparse.Namespace) -> int:
    """Prints it.

    Raises:
        MissingExtraError: shtab is not installed.
    """
    try:
        shtab = importlib.import_module("shtab")
    except ImportError:
        raise MissingExtraError("not installed: shtab", "pip install 'lifesign[completion]'") from None
    top, added = commandline.overview()
    for name, described in COMMANDS.items():
        parser = added.add_parser(name, help=described.does)
        commandline.command_module(name).register(parser)
        for action in parser._actions:
            if action.metavar in _FOLDERS:
                action.complete = shtab.DIRECTORY
            elif action.metavar in _FILES:
                action.complete = shtab.FILE
    print(shtab.complete(top, args.shell))
    return EXIT_OK
