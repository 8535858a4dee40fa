"""``lifesign doctor``: the effective settings, where each comes from, and what is wrong with them."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from lifesign.cli.examine import surroundings as examine
from lifesign.cli.options import arguments as options
from lifesign.cli.output.terminal import console, print_json, printable
from lifesign.cli.supervise import extra
from lifesign.errors import EXIT_OK, EXIT_USAGE, LifesignError

if TYPE_CHECKING:
    from rich.console import Group


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    options.add_settings(parser)


def main(args: argparse.Namespace) -> int:
    """Returns 0 when all is sound, 3 otherwise."""
    problems: list[examine.Problem] = []
    try:
        given = options.given(args, os.environ)
    except LifesignError as error:
        given = options.Given(options.flags(args), {})
        problems.append(examine.problem(error))
    values, malformed = examine.settings(given, os.environ)
    problems += malformed + examine.surroundings(given, os.environ)
    if args.json:
        print_json(
            {
                "settings": [value._asdict() for value in values],
                "problems": [problem._asdict() for problem in problems],
            }
        )
    else:
        extra.require()
        console().print(render(values, problems))
    return EXIT_USAGE if problems else EXIT_OK


def render(values: list[examine.Value], problems: list[examine.Problem]) -> Group:
    """The settings as a table, then the problems, each with what to try."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in ("SETTING", "VALUE", "FROM"):
        table.add_column(heading, overflow="fold")
    for value in values:
        style = "dim" if value.source in ("default", "unset") else ""
        table.add_row(value.name, Text(printable(value.value), style), Text(printable(value.source), style))
    lines: list[Table | Text] = [table]
    for problem in problems:
        lines.append(Text.assemble(("✗ ", "bold red"), printable(problem.what)))
        if problem.hint:
            lines.append(Text(f"  try: {printable(problem.hint)}", "dim"))
    if not problems:
        lines.append(Text("✓ all is sound", "green"))
    return Group(*lines)
