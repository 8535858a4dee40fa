"""The parser of the command line: argparse, with errors and manuals of ours."""

from __future__ import annotations

import argparse
import difflib
import importlib
import re
import shutil
from types import ModuleType
from typing import Any, Iterable, NoReturn

from lifesign import semconv
from lifesign.cli.shell.commands import COMMANDS
from lifesign.errors import UsageError

# As argparse says it, in every version of Python.
_NO_NUMBER = re.compile(r"argument (?P<name>\S+): invalid (?:int|float) value: (?P<value>.*)", re.DOTALL)
_NO_CHOICE = re.compile(r"argument (?P<name>\S+): invalid choice: '(?P<value>.*)' \(choose", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """argparse, with errors of ours."""

    def error(self, message: str) -> NoReturn:
        hint = f"{self.prog} --help"
        found = _NO_NUMBER.match(message)
        if found:
            raise UsageError(f"{found['name']} wants a number, not {found['value']}", hint)
        found = _NO_CHOICE.match(message)
        if found:
            name, value = found["name"], found["value"]
            choices = [str(one) for one in self._choices(name)]
            near = difflib.get_close_matches(value, choices, n=1)
            raise UsageError(
                f"{name} is one of {', '.join(choices)}, not {value!r}", f"{name} {near[0]}" if near else hint
            )
        raise UsageError(message, hint)

    def _choices(self, name: str) -> Iterable[Any]:
        return next((one.choices or () for one in self._actions if name in (*one.option_strings, one.metavar)), ())

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
