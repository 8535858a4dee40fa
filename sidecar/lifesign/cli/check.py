"""``lifesign check [PROCESS]``: runs the post-conditions of watched processes now, and shows the results."""

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
    """Asks, waits, prints the reports; 1 where a critical post-condition does not hold; raises as `request.answers`."""
    extra.require()
    from lifesign.cli.query.request import answers, checks

    hint = "lifesign status; post-conditions run in the event loop: not while it is blocked, nor after it has ended"
    reports, code = answers(args, checks, "the post-conditions", hint)
    if args.json:
        print_json({"processes": [{"pid": process.pid, "report": report} for process, report in reports]})
    else:
        for process, report in reports:
            print(f"{printable(process.named())}: {printable(report['diagnostic'])}")
            for line in lines(report):
                print(line)
    return code or (EXIT_OK if all(report["passed"] for _, report in reports) else EXIT_FAILED)


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
