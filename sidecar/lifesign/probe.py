"""``lifesign probe`` and ``python -m lifesign.probe``: probes the main process from its own container.

Standard library only and no server: it reads the run directory, and judges it as the health endpoints do. It starts
nothing, and disturbs neither the agent nor the sidecar.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from typing import Callable, Mapping, Sequence

from lifesign.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, LifesignError, RunDirectoryError, to_exit_with
from lifesign.judge.glance import glance
from lifesign.judge.health import Facts, Health, livez, readyz, startupz
from lifesign.judge.rundir import RunDirectory
from lifesign.settings import BY_NAME, Settings
from lifesign.wire.stopping import announce

STOPPING = "stopping"
SETTINGS = ("dir", "heartbeat_timeout")

_QUESTIONS: dict[str, Callable[[Sequence[Facts]], Health]] = {"live": livez, "ready": readyz, "startup": startupz}
_HELP = {
    "live": "does the event loop turn? The default",
    "ready": "does it turn, is the boot over, do the critical post-conditions hold, are promised events on time?",
    "startup": "is the boot complete?",
}


def add_question(parser: argparse.ArgumentParser) -> None:
    """Adds what is asked, and how the answer is to look."""
    questions = parser.add_mutually_exclusive_group()
    for name, text in _HELP.items():
        questions.add_argument(
            f"--{name}", dest="question", action="store_const", const=name, default="live", help=text
        )
    questions.add_argument(
        "--stopping",
        dest="question",
        action="store_const",
        const=STOPPING,
        help="no probe: announces that the container is about to be stopped, for its preStop hook",
    )
    parser.add_argument("--verbose", action="store_true", help="give the reason, one line per process")


def settings(flags: Mapping[str, str | None], environ: Mapping[str, str], file: Mapping[str, str]) -> Settings:
    """The settings of a probe; a slip in any other must not have a container killed.

    Raises:
        SettingError: one that is needed is malformed.
    """
    return Settings(flags, environ, file, names=SETTINGS)


def answer(question: str, directory: str, timeout: float, *, verbose: bool) -> int:
    """Prints ``ok`` or ``failed``, after the reasons where `verbose`; returns the exit code.

    Raises:
        RunDirectoryError: the directory cannot be used.
    """
    if question == STOPPING:
        return _announce_stop(directory)
    with contextlib.closing(RunDirectory(directory)) as run:
        verdict = _QUESTIONS[question](glance(run, timeout))
    lines = (*verdict.lines, "") if verbose else ("",)
    sys.stdout.write("\n".join(lines) + ("ok\n" if verdict.ok else "failed\n"))
    return EXIT_OK if verdict.ok else EXIT_FAILED


def _announce_stop(directory: str) -> int:
    try:
        announce(directory)
    except OSError as error:
        raise RunDirectoryError(
            f"the run directory {directory} cannot be written: {error.strerror}",
            "run the hook as the user of the service, in its container",
        ) from None
    return EXIT_OK


def main(argv: Sequence[str] | None = None) -> int:
    """The command as it is found in an injected copy, which has no other."""
    parser = argparse.ArgumentParser(
        prog="python -m lifesign.probe", description="Probes the watched processes of a run directory."
    )
    add_question(parser)
    for setting in (BY_NAME[name] for name in SETTINGS):
        parser.add_argument(setting.flag, metavar="VALUE", help=f"{setting.help} [{setting.env}]")
    try:
        args = parser.parse_args(argv)
    except SystemExit as ended:  # argparse has said why
        return EXIT_USAGE if ended.code else EXIT_OK
    try:
        chosen = settings(vars(args), os.environ, {})
        if chosen.dir is None:
            raise RunDirectoryError("no run directory is named", "LIFESIGN_DIR, or --dir DIR")
        return answer(args.question, chosen.dir, chosen.heartbeat_timeout, verbose=args.verbose)
    except LifesignError as error:
        sys.stderr.write(f"lifesign: {error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(to_exit_with(main()))
