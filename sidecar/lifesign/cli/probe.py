"""``lifesign probe``: an exec probe for the watched processes; it answers as the health endpoints of the sidecar do."""

from __future__ import annotations

import argparse
import os

from lifesign import probe
from lifesign.cli.options import arguments
from lifesign.cli.supervise import rundirectory


def register(parser: argparse.ArgumentParser) -> None:
    probe.add_question(parser)
    arguments.add_settings(parser, probe.SETTINGS)


def main(args: argparse.Namespace) -> int:
    """Returns 0 or 1; see `lifesign.probe`."""
    given = arguments.given(args, os.environ)
    settings = probe.settings(given.flags, os.environ, given.file)
    directory = rundirectory.find(settings.dir)
    return probe.answer(args.question, directory, settings.heartbeat_timeout, verbose=args.verbose)
