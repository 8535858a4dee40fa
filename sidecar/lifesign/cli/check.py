"""``lifesign check [PID]``: runs the post-conditions of a watched process now, and shows the results."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lifesign.cli.options import arguments
from lifesign.cli.output.terminal import print_json, printable
from lifesign.cli.supervise import extra
from lifesign.errors import EXIT_FAILED, EXIT_OK

if TYPE_CHECKING:
    from lifesign.wire.records import PostconditionReport, PostconditionResult


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments.add_question(parser, timeout=10.0)


def main(args: argparse.Namespace) -> int:
    """Asks, waits, prints the report; 1 where a critical post-condition does not hold; raises as `asking.answered`."""
    extra.require()
    from lifesign.cli.query.request import answered, ask_checks

    hint = "lifesign status; post-conditions run in the event loop: not while it is blocked, nor after it has ended"
    pid, report = answered(args, ask_checks, hint)
    if args.json:
        print_json({"pid": pid, "report": report})
    else:
        print(f"process {pid}: {printable(report['diagnostic'])}")
        for line in lines(report):
            print(line)
    return EXIT_OK if report["passed"] else EXIT_FAILED


def lines(report: PostconditionReport) -> list[str]:
    """One line per check, in the order of registration."""
    return [printable(f"  {_word(result):<8}{_about(result)}") for result in report["results"]]


def _word(result: PostconditionResult) -> str:
    if result["passed"]:
        return "ok"
    return "failed" if result["critical"] else "warning"


def _about(result: PostconditionResult) -> str:
    took = f"{max(0, result['end'] - result['start']) / 1e6:.1f} ms"
    return f"{result['name']} ({took})" + (f": {result['reason']}" if result["reason"] else "")
