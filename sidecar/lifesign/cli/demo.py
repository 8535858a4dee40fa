"""``lifesign demo``: the sample service, run as any other service would be."""

from __future__ import annotations

import argparse
import os
import sys

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
    return supervise([sys.executable, "-m", "lifesign.demo"], args, environ)
