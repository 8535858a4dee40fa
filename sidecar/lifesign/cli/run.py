"""``lifesign run -- CMD``: CMD with the agent inside and a sidecar beside it."""

from __future__ import annotations

import argparse
import os

from lifesign.cli.options import arguments
from lifesign.cli.supervise.launch import supervise
from lifesign.errors import UsageError


def register(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lifesign run [options] -- CMD [ARG ...]"
    arguments.add_settings(parser)


def main(args: argparse.Namespace) -> int:
    """Returns the exit status of CMD, 128+n where signal n ended it."""
    if not args.command:
        raise UsageError("no command to run", "lifesign run -- python app.py")
    return supervise(args.command, args, os.environ)
