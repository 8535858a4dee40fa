"""``lifesign smoke -- CMD``: the deployment gate, which tests whether the system is alive."""

from __future__ import annotations

import argparse

from lifesign.cli.options import arguments
from lifesign.cli.supervise import extra
from lifesign.errors import UsageError


def register(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lifesign smoke [options] -- CMD [ARG ...]"
    parser.add_argument(
        "--timeout",
        metavar="S",
        dest="boot_timeout",
        help="seconds until the proof of life; the same as --boot-timeout",
    )
    parser.add_argument("--keep", action="store_true", help="leave CMD running afterwards, whatever the verdict")
    parser.add_argument(
        "--report",
        metavar="FILE",
        action="append",
        default=[],
        help="write the verdict to FILE: .json, or .xml for JUnit; may be given several times",
    )
    arguments.add_settings(parser)


def main(args: argparse.Namespace) -> int:
    """Returns 0 alive, 1 failed, 2 stalled, 128+n where signal n interrupted it.

    Raises:
        LifesignError: with exit code 3, where CMD cannot be started or a setting cannot be used.
    """
    if not args.command:
        raise UsageError("no command to run", "lifesign smoke -- python app.py")
    extra.require()
    from lifesign.cli.gate.run import pass_through

    return pass_through(args)
