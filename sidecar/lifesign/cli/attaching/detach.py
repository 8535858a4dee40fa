"""``lifesign detach PID``: takes the agent out of a process that it was attached to, and leaves nothing behind."""

from __future__ import annotations

import argparse
import os

from lifesign.cli.attaching import process
from lifesign.cli.attaching.leaving import leave
from lifesign.cli.options import arguments
from lifesign.cli.output.terminal import say
from lifesign.cli.supervise import rundirectory
from lifesign.errors import EXIT_OK, NotWatchedError, UsageError
from lifesign.wire.folder import ATTACHED


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pid", metavar="PID", type=int, help="the process, as it is numbered where this runs")
    parser.add_argument(
        "--timeout", metavar="S", type=float, default=15.0, help="seconds to wait until it has left; default 15"
    )


def main(args: argparse.Namespace) -> int:
    """Detaches.

    Raises:
        NotWatchedError: there is no agent in it.
        UsageError: it was not attached, but started with the process.
        NotAnsweredError: it has not left in time.
        RunDirectoryError: we may not ask it.
    """
    arguments.check_seconds("--timeout", args.timeout, "15")
    process.find(args.pid, to_enter=False)
    watched = process.watched_in(args.pid)
    if watched is None:
        raise NotWatchedError(f"there is no agent in process {args.pid}", f"lifesign attach {args.pid}")
    folder = process.view(args.pid, watched)
    if not os.path.exists(os.path.join(folder, ATTACHED)):
        raise UsageError(f"the agent of process {args.pid} was not attached: it started with it, and stays", "")
    left = leave(folder, args.pid, args.timeout)
    rundirectory.discard(os.path.dirname(folder))
    say(left)
    return EXIT_OK
