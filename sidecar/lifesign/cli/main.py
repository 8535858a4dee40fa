"""The command ``lifesign``: one subcommand, one module of this package.

The module of a subcommand has ``register(parser)``, which adds its arguments, and ``main(args) -> int``, which
returns the exit code or raises `LifesignError`. It is imported when it is called and not before,
so that the commands of the base install never need the sidecar's dependencies.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import signal
import sys
from typing import Any, NoReturn, Sequence

from lifesign import semconv
from lifesign.cli.output.terminal import complain
from lifesign.cli.supervise import interpreter
from lifesign.errors import EXIT_OK, EXIT_SIGNAL_BASE, LifesignError, UsageError

COMMANDS = {
    "run": "run a service with the agent inside and a sidecar beside it",
    "watch": "run the sidecar alone: watch every process in the run directory and export telemetry",
    "smoke": "boot a service, wait for its proof of life, run its post-conditions: is it alive? Answers by exit code",
    "status": "show state and vital signs of the watched processes",
    "top": "show the watched processes live, the worst first: sort, filter, ask why, dump",
    "why": "say what is wrong with the watched processes, and where, in one sentence each",
    "stalls": "show what stalls the event loops of the watched processes, worst first, with its stack",
    "dump": "show all asyncio tasks of a watched process, grouped by where they wait",
    "check": "run the post-conditions of a watched process now and show the results",
    "attach": "bring the agent into a process that runs already, with no restart (Python 3.14 and newer)",
    "detach": "take the agent out of a process that it was attached to; nothing is left behind",
    "probe": "liveness, readiness or startup probe of the watched processes; answers by exit code",
    "inject": "copy the agent to a folder that another container puts on its PYTHONPATH",
    "demo": "run the sample service, with failures to trigger",
    "doctor": "show the effective settings and what is wrong with them",
}
_ROOMS = {"attach": "attaching.", "detach": "attaching."}  # of commands that share one
_TAKE_CMD = ("run", "smoke")  # with `-- CMD`
_START_CMD = (*_TAKE_CMD, "demo")


class Parser(argparse.ArgumentParser):
    """argparse, with errors of ours."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, f"{self.prog} --help")

    def print_help(self, file: Any = None) -> None:
        print(self.format_help(), end="", file=file)  # argparse's own hides a pipe that nobody reads


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line (``sys.argv`` by default); returns the exit code, see `lifesign.errors`."""
    injected = sys.modules.get("lifesign_inject")
    if injected is not None:  # where lifesign is installed its commands are Python programs like any other
        injected.leave()
    try:
        if argv is None and sys.argv[1:2] and sys.argv[1] in _START_CMD:
            interpreter.begin_anew(sys.argv[1:], os.environ)
        status = _run(sys.argv[1:] if argv is None else list(argv), ends_process=argv is None)
        if sys.stdout is not None:
            sys.stdout.flush()
    except LifesignError as error:
        complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_SIGNAL_BASE + signal.SIGINT
    except BrokenPipeError:
        # What is left in the buffer would fail again when the interpreter flushes it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_SIGNAL_BASE + signal.SIGPIPE
    return status


def _run(argv: list[str], *, ends_process: bool) -> int:
    if not argv:
        raise UsageError("no command given", f"lifesign --help; the commands are {', '.join(COMMANDS)}")
    name = argv[0]
    if name not in COMMANDS and not name.startswith("-"):
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        raise UsageError(f"unknown command {name}", f"lifesign {close[0]}" if close else "lifesign --help")
    try:
        if name not in COMMANDS:
            _parse(_overview(), name, argv)
            raise UsageError("no command given", "lifesign --help")
        module = importlib.import_module(f"lifesign.cli.{_ROOMS.get(name, '')}{name}")
        parser = Parser(prog=f"lifesign {name}", description=COMMANDS[name], allow_abbrev=False)
        module.register(parser)
        args = _parse(parser, name, argv[1:])
        args.ends_process = ends_process
    except SystemExit:  # --help, --version
        return EXIT_OK
    status: int = module.main(args)
    return status


def _overview() -> Parser:
    """The parser of all commands. One that is called has its own: to make all of them takes milliseconds."""
    top = Parser(prog="lifesign", description="Proof of life for asyncio services.", allow_abbrev=False)
    top.epilog = "lifesign COMMAND --help shows its options."
    top.add_argument("-V", "--version", action="version", version=f"lifesign {semconv.VERSION}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for command, text in COMMANDS.items():
        commands.add_parser(command, help=text)
    return top


def _parse(parser: Parser, name: str, argv: list[str]) -> argparse.Namespace:
    """Raises `UsageError` for what `parser` does not know."""
    takes_cmd = name in _TAKE_CMD
    cmd: list[str] | None = None
    if "--" in argv and takes_cmd:
        at = argv.index("--")
        argv, cmd = argv[:at], argv[at + 1 :]
    args, unknown = parser.parse_known_args(argv, argparse.Namespace(command=cmd))
    if unknown:
        hint = f"{parser.prog} --help"
        if unknown[0].startswith("-"):
            flags = [flag for action in parser._actions for flag in action.option_strings]
            hint = "".join(difflib.get_close_matches(unknown[0].partition("=")[0], flags, n=1)) or hint
        elif takes_cmd:
            hint = f"{parser.prog} -- {unknown[0]} ..."
        raise UsageError(f"unknown argument {unknown[0].partition('=')[0]}", hint)
    return args
