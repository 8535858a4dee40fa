"""The command ``lifesign VERB``: one verb, one module of this package.

A verb module has ``register(parser)``, which adds its arguments, and ``main(args) -> int``, which
returns the exit code or raises `LifesignError`. It is imported when it is called and not before,
so that the verbs of the base install never need the sidecar's dependencies.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import signal
import sys
from typing import NoReturn, Sequence

from lifesign import semconv
from lifesign.cli.output.terminal import complain
from lifesign.errors import EXIT_OK, EXIT_SIGNAL_BASE, LifesignError, UsageError

VERBS = {
    "run": "run a service with the agent inside and a sidecar beside it",
    "watch": "be the sidecar: watch every process in the run directory, export what is seen",
    "smoke": "boot a service, wait for its proof of life, check it, and say with the exit code whether it is alive",
    "status": "show the vital signs of the watched processes",
    "dump": "show all asyncio tasks of a watched process, grouped by where they wait",
    "check": "have a watched process run its post-conditions now, and show what they say",
    "probe": "ask whether the watched processes live, are ready, have started",
    "inject": "copy the agent to a folder that another container puts on its PYTHONPATH",
    "demo": "run a sample service with failures to trigger",
    "doctor": "show the effective settings and what is wrong with them",
}
TAKES_COMMAND = ("run", "smoke")  # verbs with `-- CMD`


_OVERVIEW = """\
usage: lifesign VERB [options]

Proof of life for asyncio services.

{verbs}
lifesign VERB --help says more.
"""


class Parser(argparse.ArgumentParser):
    """argparse, with errors of ours."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}", f"{self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line (``sys.argv`` by default); returns the exit code, see `lifesign.errors`."""
    try:
        status = _run(sys.argv[1:] if argv is None else list(argv))
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


def _run(argv: list[str]) -> int:
    if not argv:
        raise UsageError("no verb given", f"lifesign --help; the verbs are {', '.join(VERBS)}")
    verb = argv[0]
    if verb in ("-h", "--help"):
        print(_overview(), end="")
        return EXIT_OK
    if verb in ("-V", "--version"):
        print(f"lifesign {semconv.VERSION}")
        return EXIT_OK
    if verb not in VERBS:
        close = difflib.get_close_matches(verb, VERBS, n=1)
        raise UsageError(f"{verb} is no verb of lifesign", f"lifesign {close[0]}" if close else "lifesign --help")
    module = importlib.import_module(f"lifesign.cli.{verb}")
    parser = Parser(prog=f"lifesign {verb}", description=VERBS[verb], allow_abbrev=False)
    module.register(parser)
    try:
        args = _parse(parser, verb, argv[1:])
    except SystemExit:  # --help
        return EXIT_OK
    status: int = module.main(args)
    return status


def _parse(parser: Parser, verb: str, argv: list[str]) -> argparse.Namespace:
    command: list[str] | None = None
    if "--" in argv and verb in TAKES_COMMAND:
        at = argv.index("--")
        argv, command = argv[:at], argv[at + 1 :]
    args, unknown = parser.parse_known_args(argv, argparse.Namespace(command=command))
    if unknown:
        raise UsageError(f"{parser.prog}: unknown argument {unknown[0]}", _instead(parser, verb, unknown))
    return args


def _instead(parser: Parser, verb: str, unknown: list[str]) -> str:
    if unknown[0].startswith("-"):
        flags = [flag for action in parser._actions for flag in action.option_strings]
        close = difflib.get_close_matches(unknown[0].partition("=")[0], flags, n=1)
        return close[0] if close else f"{parser.prog} --help"
    if verb in TAKES_COMMAND:
        return f"{parser.prog} -- {' '.join(unknown)}"
    return f"{parser.prog} --help"


def _overview() -> str:
    verbs = "".join(f"  {verb:<8}{text}\n" for verb, text in VERBS.items())
    return _OVERVIEW.format(verbs=verbs)
