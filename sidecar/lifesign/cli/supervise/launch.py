"""CMD with the agent inside and a sidecar beside it, from a command line that is parsed."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import sys
from typing import Mapping

from lifesign.cli.options import arguments
from lifesign.cli.output.terminal import complain, say
from lifesign.cli.supervise import extra, rundirectory
from lifesign.cli.supervise.environment import environments
from lifesign.cli.supervise.supervisor import Beside, Supervisor
from lifesign.errors import LifesignError
from lifesign.export.otlp.targets import is_configured

_FLUSH_GRACE = 2.0  # seconds on top of what the sidecar gives itself to flush


def supervise(command: list[str], args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Runs `command` with a sidecar beside it, or without one where that cannot be: CMD always runs."""
    with contextlib.ExitStack() as stack:
        inside = dict(environ)
        sidecar = None
        try:
            given = arguments.given(args, environ)
            settings = given.settings(environ)
            # With a run directory of its own choice somebody else may be watching; a private one needs us.
            if settings.dir is None:
                extra.require()
            directory = rundirectory.make(settings.dir, stack)
            inside, around = environments(given, environ, directory)
            extra.require()
            sidecar = beside(around, directory, settings.shutdown_timeout)
        except LifesignError as error:
            complain(error, "CMD runs without a sidecar: ")
        supervisor = Supervisor(command, inside, sidecar)
        code = supervisor.run()
        if supervisor.unread and sidecar is not None and is_configured(environ):
            stack.pop_all()  # the run directory stays
            say_unread(sidecar.directory)
        return code


def beside(environ: Mapping[str, str], directory: str, flush: float, *, watched: bool = True) -> Beside:
    """What stands beside CMD: the run directory, and a sidecar that may flush for so many seconds, where `watched`."""
    command = [sys.executable, "-m", "lifesign", "watch", "--supervised"] if watched else None
    return Beside(command, environ, directory, flush + _FLUSH_GRACE)


def say_unread(directory: str) -> None:
    """There was no time, or no disk, for all that CMD wrote; its run directory stays."""
    say(f"not all that CMD wrote was exported: lifesign watch --dir {shlex.quote(directory)} exports the rest")
