"""``lifesign check [PID]``: has a watched process run its post-conditions now, and shows what they say."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from lifesign.cli import extra, options, rundirectory
from lifesign.cli.terminal import print_json, printable
from lifesign.errors import EXIT_FAILED, EXIT_OK, NotAnsweredError, SettingError

if TYPE_CHECKING:
    from lifesign.wire.records import PostconditionReport, PostconditionResult


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pid", metavar="PID", type=int, nargs="?", help="which process, where there are several")
    parser.add_argument(
        "--timeout", metavar="S", type=float, default=10.0, help="seconds to wait for the report; default 10"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options.add_settings(parser, ["dir"])


def main(args: argparse.Namespace) -> int:
    """Asks, waits, prints the report; 1 where a critical post-condition does not hold.

    Raises:
        NotWatchedError: there is no such process.
        NotAnsweredError: it did not answer in time.
    """
    extra.require()
    from lifesign.cli.asking import ask_checks, chosen

    if not args.timeout > 0:
        raise SettingError("--timeout wants a number of seconds above 0", "--timeout 10")
    directory = rundirectory.find(options.given(args, os.environ).settings(os.environ).dir)
    with chosen(directory, args.pid) as process:
        report = ask_checks(process.reader, args.timeout)
    if report is None:
        raise NotAnsweredError(
            f"process {process.pid} did not answer within {args.timeout:g} s",
            "lifesign status; post-conditions run in the event loop, and cannot where it is blocked or over",
        )
    if args.json:
        print_json({"pid": process.pid, "report": report})
    else:
        print(f"process {process.pid}: {printable(report['diagnostic'])}")
        for line in lines(report):
            print(line)
    return EXIT_OK if report["passed"] else EXIT_FAILED


def lines(report: PostconditionReport) -> list[str]:
    """A line a check, in the order of their registration."""
    return [printable(f"  {_word(result):<8}{_about(result)}") for result in report["results"]]


def _word(result: PostconditionResult) -> str:
    if result["passed"]:
        return "ok"
    return "failed" if result["critical"] else "warning"


def _about(result: PostconditionResult) -> str:
    took = f"{max(0, result['end'] - result['start']) / 1e6:.1f} ms"
    return f"{result['name']} ({took})" + (f": {result['reason']}" if result["reason"] else "")
