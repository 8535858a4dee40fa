"""``lifesign watch``: the sidecar, the container's entry point; ``lifesign run`` starts it too."""

from __future__ import annotations

import argparse
import gc
import os
from functools import partial

from lifesign.cli.options import arguments
from lifesign.cli.output.permissions import closed_to_others
from lifesign.cli.sidecar.deadline import Deadline
from lifesign.cli.supervise import extra
from lifesign.errors import EXIT_FAILED, EXIT_OK, RunDirectoryError
from lifesign.settings import BY_NAME


def register(parser: argparse.ArgumentParser) -> None:
    arguments.add_settings(parser)
    parser.add_argument(
        "--supervised",
        action="store_true",
        help="standard input ends with the supervisor; serve the page where no Collector is set",
    )
    parser.add_argument("--run-id", metavar="ID", help=argparse.SUPPRESS)  # between `lifesign run` and us
    parser.add_argument("--service", metavar="NAME", default="", help=argparse.SUPPRESS)  # this too


def main(args: argparse.Namespace) -> int:
    """Watches until SIGTERM, SIGINT or the supervisor's end; returns 0, or 1 to a supervisor if not all was exported.

    Raises:
        LifesignError: a setting, the run directory or the spool cannot be used.
    """
    extra.require()
    environ = dict(os.environ)
    settings = arguments.given(args, environ).settings(environ)
    if settings.dir is None:
        raise RunDirectoryError(
            "no run directory to watch", f"--dir DIR or {BY_NAME['dir'].env}, the one that the main process uses"
        )
    # Where a pod sets PYTHONPATH for all its containers the agent is in this process too: not here.
    os.environ.pop(BY_NAME["dir"].env, None)
    import asyncio

    from lifesign.cli.sidecar.observer import Observer

    unfinished = EXIT_FAILED if args.supervised else EXIT_OK
    # Nothing is lost by it: what is not on disk by then is not acknowledged, and its pulse is still there.
    deadline = Deadline(settings.shutdown_timeout, partial(os._exit, unfinished))
    with closed_to_others():
        observer = Observer(
            settings.dir,
            settings,
            environ,
            deadline,
            supervised=args.supervised,
            run_id=args.run_id,
            service=args.service,
        )
        gc.freeze()  # modules and classes stay as long as we do: no collection has to look at them again
        return EXIT_OK if asyncio.run(observer.run()) else unfinished
