"""``lifesign attach PID``: the agent into a process that runs already, without a restart, and out of it again."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import time
from typing import Mapping

from lifesign.cli.attaching import entry, outside, process
from lifesign.cli.attaching.leaving import has_ended, leave
from lifesign.cli.options import arguments
from lifesign.cli.output.terminal import say
from lifesign.cli.supervise import rundirectory
from lifesign.errors import EXIT_OK, MalformedError, SettingError, UsageError
from lifesign.parsing import seconds
from lifesign.settings import BY_NAME

# What an agent that comes late has use for: a boot, say, is over.
_SETTINGS = ("heartbeat_interval", "heartbeat_timeout", "stall_threshold", "ring_size", "metric_interval", "last_words")
_POLL = 0.1


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pid", metavar="PID", type=int, help="the process, as it is numbered where this runs")
    parser.add_argument("--for", metavar="TIME", dest="seconds", help="take it out again after so long, such as 60s")
    parser.add_argument(
        "--timeout", metavar="S", type=float, default=5.0, help="seconds to wait for its main thread; default 5"
    )
    arguments.add_settings(parser, ["dir", *_SETTINGS])


def main(args: argparse.Namespace) -> int:
    """Attaches, and with ``--for`` waits and detaches.

    Raises:
        NotWatchedError: there is no such Python process.
        UsageError: it cannot be attached to.
        NotAnsweredError: its main thread does not come back to Python in time.
        NotStartedError: the agent cannot be started in it.
        RunDirectoryError: the run directory cannot be used.
    """
    duration = _duration(args.seconds)
    arguments.check_seconds("--timeout", args.timeout, "5")
    given = arguments.given(args, os.environ)
    settings = given.settings(os.environ)
    target = process.find(args.pid, to_enter=False)
    if target.version < process.OLDEST:
        raise outside.too_old(target)
    if target.off:
        raise outside.turned_off(target)
    if _is_watched(args.pid):
        return EXIT_OK
    target = process.find(args.pid)
    with contextlib.ExitStack() as stack:
        with process.alone(args.pid, args.timeout):
            if _is_watched(args.pid):  # by whoever was there first
                return EXIT_OK
            directory = rundirectory.make(settings.dir, stack)
            if not process.sees(args.pid, directory):
                raise UsageError(
                    f"process {args.pid} is in another mount namespace: it does not see {directory}",
                    "run this in its container, or --dir with a folder that both see at the same path",
                )
            private = () if settings.dir is not None else rundirectory.made_for(directory)
            variables = _variables(given, os.environ)
            found = entry.bring_in(target, directory, private, variables, duration or 0.0, args.timeout)
        if "attached" in found and duration is None:
            stack.pop_all()
        if "watched" in found:
            say(f"process {args.pid} is watched already, in {found['watched']}")
            return EXIT_OK
        where = f" --dir {shlex.quote(directory)}"
        if duration is None:
            say(
                f"attached to process {args.pid}: lifesign why{where}; to take it out again: lifesign detach {args.pid}"
            )
            return EXIT_OK
        say(f"attached to process {args.pid} for {duration:g} s: lifesign why{where}")
        _wait(found["attached"], args.pid, duration)
        left = leave(found["attached"], args.pid, args.timeout)
    say(left)
    return EXIT_OK


def _is_watched(pid: int) -> bool:
    """Whether there is an agent in it; says where."""
    watched = process.watched_in(pid)
    if watched is not None:
        seen = os.path.dirname(process.view(pid, watched))
        say(f"process {pid} is watched already: lifesign why --dir {shlex.quote(seen)}")
    return watched is not None


def _duration(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return seconds(text)
    except MalformedError as error:
        raise SettingError(f"--for {text!r} cannot be used: it {error}", "--for 60s") from None


def _variables(given: arguments.Given, environ: Mapping[str, str]) -> dict[str, str]:
    """The agent's settings, as ours are: the process's environment was not written for us."""
    ours = {BY_NAME[name].env: environ.get(BY_NAME[name].env) for name in _SETTINGS}
    return {**{name: value for name, value in ours.items() if value}, **given.variables(environ, _SETTINGS)}


def _wait(folder: str, pid: int, duration: float) -> None:
    """Until the time is over, it has left by itself or ended, or Ctrl-C."""
    until = time.monotonic() + duration
    with contextlib.suppress(KeyboardInterrupt):
        while time.monotonic() < until and os.path.isdir(folder) and not has_ended(pid):
            time.sleep(_POLL)
