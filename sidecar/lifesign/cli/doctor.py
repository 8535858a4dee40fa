"""``lifesign doctor``: the effective settings, where each comes from, and what is wrong with them."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from lifesign.cli.examine import collector, run_directory, values, way_in
from lifesign.cli.examine.problem import Problem
from lifesign.cli.options import arguments
from lifesign.cli.output.terminal import console, print_json, printable
from lifesign.cli.supervise import extra
from lifesign.errors import EXIT_OK, EXIT_USAGE, LifesignError
from lifesign.settings import BY_NAME

if TYPE_CHECKING:
    from rich.console import Group


def register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments.add_settings(parser)


def main(args: argparse.Namespace) -> int:
    """Returns 0 when no problems found, 3 otherwise."""
    problems: list[Problem] = []
    try:
        given = arguments.given(args, os.environ)
    except LifesignError as error:
        given = arguments.Given(arguments.flags(args), {})
        problems.append(Problem.of(error))
    effective, malformed = values.effective(given, os.environ)
    directory = given.flags.get("dir") or os.environ.get(BY_NAME["dir"].env) or given.file.get("dir")
    problems += malformed + run_directory.problems(directory) + way_in.problems(os.environ)
    try:
        extra.require()
    except LifesignError as error:
        problems.append(Problem.of(error))
    wanted = next(value.value for value in effective if value.name == "profiles") == str(True)
    problems += collector.problems(os.environ, profiles=wanted)
    if args.json:
        print_json(
            {
                "settings": [value._asdict() for value in effective],
                "problems": [problem._asdict() for problem in problems],
            }
        )
    else:
        extra.require()
        console().print(render(effective, problems))
    return EXIT_USAGE if problems else EXIT_OK


def render(effective: list[values.Value], problems: list[Problem]) -> Group:
    """The settings as a table, then the problems, each with a hint."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in ("SETTING", "VALUE", "FROM"):
        table.add_column(heading, overflow="fold")
    for value in effective:
        style = "dim" if value.source in ("default", "unset") else ""
        table.add_row(value.name, Text(printable(value.value), style), Text(printable(value.source), style))
    lines: list[Table | Text] = [table]
    for problem in problems:
        lines.append(Text.assemble(("✗ ", "bold red"), printable(problem.what)))
        if problem.hint:
            lines.append(Text(f"  try: {printable(problem.hint)}", "dim"))
    if not problems:
        lines.append(Text("✓ no problems found", "green"))
    return Group(*lines)
