"""``lifesign run -- CMD``: CMD with the agent inside and a sidecar beside it."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import sys
from typing import Mapping, NamedTuple

import lifesign
from lifesign.cli.options import arguments, dry_run
from lifesign.cli.output.terminal import complain, say
from lifesign.cli.supervise import extra, rundirectory
from lifesign.cli.supervise.supervisor import Beside, Supervisor
from lifesign.errors import LifesignError, UsageError
from lifesign.export.otlp.targets import is_configured
from lifesign.settings import BY_NAME

# What the agent reads; the sidecar gets every setting.
_AGENT_SETTINGS = (
    "heartbeat_interval",
    "heartbeat_timeout",
    "boot_timeout",
    "events",
    "until",
    "checkpoints",
    "checks",
    "ring_size",
    "task_origin",
    "async_debug",
    "dump_interval",
    "last_words",
    "dry_run",
    "dry_run_pattern",
    "dry_run_rate",
    "dry_run_seed",
    "dry_run_account",
)
_INJECT = os.path.join(os.path.dirname(os.path.abspath(lifesign.__file__)), "agent", "inject")
FLUSH_GRACE = 2.0  # seconds on top of what the sidecar gives itself to flush


class Environments(NamedTuple):
    """The environment of each of the two children."""

    command: dict[str, str]
    sidecar: dict[str, str]


def register(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lifesign run [options] -- CMD [ARG ...]"
    arguments.add_settings(parser)


def main(args: argparse.Namespace) -> int:
    """Returns the exit status of CMD, 128+n where signal n ended it."""
    if not args.command:
        raise UsageError("no command to run", "lifesign run -- python app.py")
    return supervise(args.command, args, os.environ)


def supervise(command: list[str], args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Runs `command` with a sidecar beside it, or without one where that cannot be: CMD always runs."""
    with contextlib.ExitStack() as stack:
        inside = dict(environ)
        beside = None
        try:
            given = arguments.given(args, environ)
            settings = given.settings(environ)
            # With a run directory of its own choice somebody else may be watching; a private one needs us.
            if settings.dir is None:
                extra.require()
            directory = rundirectory.make(settings.dir, stack)
            inside, around = environments(given, environ, directory)
            extra.require()
            command_line = [sys.executable, "-m", "lifesign", "watch", "--supervised"]
            beside = Beside(command_line, around, directory, settings.shutdown_timeout + FLUSH_GRACE)
        except LifesignError as error:
            complain(error, "CMD runs without a sidecar: ")
        supervisor = Supervisor(command, inside, beside)
        code = supervisor.run()
        if supervisor.unread and beside is not None and is_configured(environ):
            stack.pop_all()  # the run directory stays
            say_unread(beside.directory)
        return code


def say_unread(directory: str) -> None:
    """There was no time, or no disk, for all that CMD wrote; its run directory stays."""
    say(f"not all that CMD wrote could be told: lifesign watch --dir {shlex.quote(directory)} tells the rest")


def environments(given: arguments.Given, environ: Mapping[str, str], directory: str) -> Environments:
    """What CMD gets on top of `environ`: the run directory, its settings, and the way in; and the sidecar."""
    shared = BY_NAME["dir"].env
    command = {**environ, **given.variables(environ, _AGENT_SETTINGS), shared: directory}
    command.update(dry_run.variables(given.settings(environ)))
    command["PYTHONPATH"] = os.pathsep.join(filter(None, (_INJECT, environ.get("PYTHONPATH"))))
    sidecar = {**environ, **given.variables(environ, BY_NAME), shared: directory}
    # The sidecar must not load the agent, nor modules that lie in the folder where CMD happens to start.
    paths = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path not in ("", _INJECT)]
    sidecar["PYTHONPATH"] = os.pathsep.join(paths)  # empty counts as unset
    sidecar["PYTHONSAFEPATH"] = "1"
    return Environments(command, sidecar)
