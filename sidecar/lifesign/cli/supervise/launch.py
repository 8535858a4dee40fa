"""CMD with the agent inside and a sidecar beside it, from a command line that is parsed."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
from typing import Mapping, NamedTuple, Sequence

from lifesign.cli.options import arguments
from lifesign.cli.output import program
from lifesign.cli.output.terminal import complain, say
from lifesign.cli.supervise import descendants, extra, interpreter, rundirectory
from lifesign.cli.supervise.environment import environments
from lifesign.cli.supervise.supervisor import Beside, Supervisor
from lifesign.errors import LifesignError
from lifesign.export.otlp.targets import is_configured
from lifesign.settings import Settings

_FLUSH_GRACE = 2.0  # seconds on top of what the sidecar gives itself to flush


def supervise(command: list[str], args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Runs `command` with a sidecar beside it, or without one where that cannot be: CMD always runs."""
    with contextlib.ExitStack() as stack:
        prepared = Prepared(dict(environ), None)
        try:
            given = arguments.given(args, environ)
            settings = given.settings(environ)
            # With a run directory of its own choice somebody else may be watching; a private one needs us.
            if settings.dir is None:
                extra.require()
            directory = rundirectory.make(settings.dir, stack)
            prepared = prepare(command, given, environ, directory, settings, watched=not extra.missing())
            extra.require()
        except LifesignError as error:
            complain(error, "CMD runs without a sidecar: ")
        supervisor = Supervisor(command, *prepared, ends_process=args.ends_process)
        code = supervisor.run()
        say_what_stays(supervisor, environ, stack)
        return code


class Prepared(NamedTuple):
    """The environment of CMD, and what stands beside it."""

    environ: Mapping[str, str]
    beside: Beside | None


def prepare(
    command: Sequence[str],
    given: arguments.Given,
    environ: Mapping[str, str],
    directory: str,
    settings: Settings,
    *,
    watched: bool,
) -> Prepared:
    """CMD with the agent inside, and where `watched` a sidecar beside it."""
    run_id = descendants.new_id()
    inside, around = environments(given, environ, directory, run_id)
    watch = [*interpreter.command(environ), "watch", "--supervised", "--run-id", run_id]
    watch.append(f"--service={_service(command)}")
    is_private = settings.dir is None

    def left_behind() -> Sequence[int]:
        # In a run directory that was named others may live who have nothing to do with us.
        living = descendants.living_in(directory) if is_private else ()
        return sorted({*descendants.started_under(run_id), *living})

    patience = settings.shutdown_timeout + _FLUSH_GRACE
    beside = Beside(watch if watched else None, around, directory, patience, left_behind, settings.linger)
    return Prepared(inside, beside)


def _service(command: Sequence[str]) -> str:
    """The same from run to run of one program in one place."""
    with contextlib.suppress(OSError):  # the working directory is gone
        return f"{program.name(command)} in {os.getcwd()}"
    return program.name(command)


def say_what_stays(supervisor: Supervisor, environ: Mapping[str, str], stack: contextlib.ExitStack) -> None:
    """CMD has ended: keeps the run directory, and says so, where it is still needed."""
    if supervisor.beside is None:
        return
    directory = shlex.quote(supervisor.beside.directory)
    if supervisor.left_behind:
        stack.pop_all()
        pids = ", ".join(map(str, supervisor.left_behind))
        what = (
            f"CMD has ended, but processes that it started still run ({pids}); the sidecar watches them until they end"
        )
        say(f"{what}: lifesign status --dir {directory}")
    elif supervisor.unread and is_configured(environ):
        stack.pop_all()
        say(f"not all that CMD wrote was exported: lifesign watch --dir {directory} exports the rest")
