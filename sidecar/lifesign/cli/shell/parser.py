"""The parser of the command line: argparse, with errors and manuals of ours."""

from __future__ import annotations

import argparse
import importlib
import shutil
from types import ModuleType
from typing import Any, NoReturn

from lifesign import semconv
from lifesign.cli.shell.commands import COMMANDS
from lifesign.errors import UsageError


class Parser(argparse.ArgumentParser):
    """argparse, with errors of ours."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"{self.prog} --help")

    def print_help(self, file: Any = None) -> None:
        print(self.format_help(), end="", file=file)  # argparse's own hides a pipe that nobody reads


def overview() -> tuple[Parser, Any]:
    """The parser of all commands, and where these are added. One that is called has its own parser: that is faster."""
    top = Parser(prog="lifesign", description="Proof of life for asyncio services.", allow_abbrev=False)
    top.epilog = "lifesign COMMAND --help shows its manual: what it does, examples, options."
    top.add_argument("-V", "--version", action="version", version=f"lifesign {semconv.VERSION}")
    return top, top.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)


def command(name: str) -> tuple[Parser, ModuleType]:
    """The parser of one command, and its module."""
    module = command_module(name)
    parser = Parser(prog=f"lifesign {name}", description=COMMANDS[name].manual(_width()), allow_abbrev=False)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    module.register(parser)
    return parser, module


def _width() -> int:
    """As argparse has it."""
    return shutil.get_terminal_size().columns - 2


def command_module(name: str) -> ModuleType:
    """The module of a command, which has ``register`` and ``main``."""
    return importlib.import_module(".".join(filter(None, ("lifesign.cli", COMMANDS[name].room, name))))
