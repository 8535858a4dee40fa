"""``lifesign demo``: the sample service, run as any other service would be."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import termios
from typing import Iterator, Mapping

from lifesign.cli.options import arguments
from lifesign.cli.supervise.launch import supervise
from lifesign.errors import LifesignError
from lifesign.settings import BY_NAME

_HOST, _PORT = "127.0.0.1", 7317  # as the sidecar takes by itself


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-browser", action="store_true", help="do not show the page in the browser")
    arguments.add_settings(parser)


def main(args: argparse.Namespace) -> int:
    """Returns the exit status of the sample service."""
    environ = dict(os.environ)
    environ["OTEL_SERVICE_NAME"] = environ.get("OTEL_SERVICE_NAME") or "lifesign-demo"
    # The desk promises its orders, so that a silent one is seen as that.
    events = BY_NAME["events"].env
    environ[events] = environ.get(events) or "order=5s"
    if _at_terminal():
        # Who has pressed "Crash" is to see what is left of it.
        environ.setdefault(BY_NAME["linger"].env, "1")
    command = [sys.executable, "-m", "lifesign.demo"]
    page = _page(args, environ)
    if page is not None:
        command += ["--page", f"http://{page}/"]
        if not args.no_browser and has_screen(environ):
            command.append("--browser")
    with _terminal_as_it_was():
        return supervise(command, args, environ)


def has_screen(environ: Mapping[str, str]) -> bool:
    """Whether somebody sits there who would see a browser: no pipeline, and no terminal on another machine."""
    on_screen = sys.platform == "darwin" or any(environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    remote = any(environ.get(name) for name in ("CI", "SSH_CONNECTION", "SSH_TTY"))
    return on_screen and not remote and _at_terminal()


def _at_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _page(args: argparse.Namespace, environ: dict[str, str]) -> str | None:
    """The address of lifesign's page, which the demo has in any case; None where it is not known beforehand."""
    with contextlib.suppress(LifesignError):  # what is wrong is said later, by whom it concerns
        asked = arguments.given(args, environ).settings(environ).page_addr
        if asked is None:
            asked = _HOST, _free_port()
            environ[BY_NAME["page_addr"].env] = f"{_HOST}:{asked[1]}"
        return f"{asked[0]}:{asked[1]}" if asked[1] else None
    return None


def _free_port() -> int:
    for port in (_PORT, 0):
        with contextlib.suppress(OSError), socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((_HOST, port))
            return int(tried.getsockname()[1])
    return _PORT


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
