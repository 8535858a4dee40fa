"""The command ``lifesign``: one subcommand, one module of this package.

The module of a subcommand has ``register(parser)``, which adds its arguments, and ``main(args) -> int``, which
returns the exit code or raises `LifesignError`. It is imported when it is called and not before,
so that the commands of the base install never need the sidecar's dependencies.
"""

from __future__ import annotations

import argparse
import difflib
import errno
import os
import signal
import sys
from typing import Sequence

from lifesign.cli.output.terminal import complain
from lifesign.cli.shell.commands import COMMANDS
from lifesign.cli.shell.parser import Parser, command, overview
from lifesign.cli.supervise import interpreter
from lifesign.errors import EXIT_FAILED, EXIT_OK, EXIT_SIGNAL_BASE, LifesignError, UsageError, to_exit_with

_TAKE_CMD = ("run", "smoke", "doctor")  # with `-- CMD`
_START_CMD = ("run", "smoke", "demo")
_CANNOT_BE_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line (``sys.argv`` by default); returns the exit code, see `lifesign.errors`."""
    injected = sys.modules.get("lifesign_inject")
    if injected is not None:  # where lifesign is installed its commands are Python programs like any other
        injected.leave()
    if argv is not None:
        return _status(argv, ends_process=False)
    _hold_standard_descriptors()
    return to_exit_with(_status(sys.argv[1:], ends_process=True))


def _status(argv: Sequence[str], *, ends_process: bool) -> int:
    try:
        if ends_process and argv and argv[0] in _START_CMD:
            interpreter.begin_anew(argv, os.environ)
        status = _run(list(argv), ends_process=ends_process)
        if sys.stdout is not None:
            sys.stdout.flush()
    except LifesignError as error:
        complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        return EXIT_SIGNAL_BASE + signal.SIGINT
    except BrokenPipeError:
        _forget_output()
        return EXIT_SIGNAL_BASE + signal.SIGPIPE
    except OSError as error:
        if error.filename is not None or error.errno not in _CANNOT_BE_WRITTEN:
            raise
        _forget_output()
        complain(LifesignError(f"standard output cannot be written: {error.strerror}"))
        return EXIT_FAILED
    return status


def _hold_standard_descriptors() -> None:
    """Where one of them is closed, the next file that is opened would have its number, and be written to.

    What is put in their place is closed in CMD again.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - it fails when it is flushed
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - nobody is to hear it


def _forget_output() -> None:
    """What is left in the buffer would fail again when the interpreter flushes it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(argv: list[str], *, ends_process: bool) -> int:
    if not argv:
        raise UsageError("no command given", f"lifesign --help; the commands are {', '.join(COMMANDS)}")
    if argv[0] == "help":
        argv = [*argv[1:2], "--help"]
    name = argv[0]
    if name not in COMMANDS and not name.startswith("-"):
        close = difflib.get_close_matches(name, COMMANDS, n=1)
        raise UsageError(f"unknown command {name}", f"lifesign {close[0]}" if close else "lifesign --help")
    try:
        if name not in COMMANDS:
            top, added = overview()
            for known, described in COMMANDS.items():
                added.add_parser(known, help=described.does)
            _parse(top, name, argv)
            raise UsageError("no command given", "lifesign --help")
        parser, module = command(name)
        args = _parse(parser, name, argv[1:])
        args.ends_process = ends_process
    except SystemExit:  # --help, --version
        return EXIT_OK
    status: int = module.main(args)
    return status


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
