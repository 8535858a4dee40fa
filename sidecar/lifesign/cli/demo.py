"""``lifesign demo``: the sample service, run as any other service would be."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import termios
from typing import Iterator

from lifesign.cli.options import arguments
from lifesign.cli.supervise.launch import supervise
from lifesign.settings import BY_NAME


def register(parser: argparse.ArgumentParser) -> None:
    arguments.add_settings(parser)


def main(args: argparse.Namespace) -> int:
    """Returns the exit status of the sample service."""
    environ = dict(os.environ)
    environ["OTEL_SERVICE_NAME"] = environ.get("OTEL_SERVICE_NAME") or "lifesign-demo"
    # The desk promises its orders, so that a silent one is seen as that.
    events = BY_NAME["events"].env
    environ[events] = environ.get(events) or "order=5s"
    with _terminal_as_it_was():
        return supervise([sys.executable, "-m", "lifesign.demo"], args, environ)


@contextlib.contextmanager
def _terminal_as_it_was() -> Iterator[None]:
    """The service changes how the terminal hands out what is typed, and may be killed before it can undo that."""
    try:
        descriptor = sys.__stdin__.fileno() if sys.__stdin__ else -1
        before = termios.tcgetattr(descriptor)
    except (OSError, ValueError, termios.error):
        yield  # it is no terminal
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError, termios.error):
            if os.tcgetpgrp(descriptor) == os.getpgrp():
                termios.tcsetattr(descriptor, termios.TCSANOW, before)
