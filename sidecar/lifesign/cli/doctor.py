"""``lifesign doctor``: the effective settings, where each comes from, and what is wrong with them."""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Mapping, Sequence

from lifesign.cli.examine import collector, injection, names, run_directory, spool, values, way_in
from lifesign.cli.examine.problem import Finding, Passed, Problem
from lifesign.cli.options import arguments
from lifesign.cli.output.progress import Progress
from lifesign.cli.output.terminal import console, print_json, printable
from lifesign.cli.supervise import extra
from lifesign.errors import EXIT_OK, EXIT_USAGE, LifesignError
from lifesign.export.otlp.targets import is_configured

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text


def register(parser: argparse.ArgumentParser) -> None:
    parser.usage = "lifesign doctor [options] [-- CMD [ARG ...]]"
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments.add_settings(parser)


def main(args: argparse.Namespace) -> int:
    """Returns 0 when no problems found, 3 otherwise."""
    found: list[Finding] = []
    try:
        given = arguments.given(args, os.environ)
    except LifesignError as error:
        given = arguments.Given(arguments.flags(args), {})
        found.append(Problem.of(error))
    with Progress() as progress:
        progress.announce("the Collector, the run directory and the spool are tried")
        effective, settings, malformed = values.effective(given, os.environ)
        found += [*malformed, *names.problems(os.environ), *way_in.problems(os.environ)]
        found += _tried(given, settings)
        if args.command:
            found += injection.findings(args.command, given, os.environ)
    problems = [one for one in found if isinstance(one, Problem)]
    passed = [one.what for one in found if isinstance(one, Passed)]
    if args.json:
        print_json(
            {
                "settings": [value._asdict() for value in effective],
                "passed": passed,
                "problems": [problem._asdict() for problem in problems],
            }
        )
    else:
        extra.require()
        console().print(render(effective, problems, passed, args.command or ()))
    return EXIT_USAGE if problems else EXIT_OK


def _tried(given: arguments.Given, settings: Mapping[str, Any]) -> Iterator[Finding]:
    yield from run_directory.findings(settings["dir"], settings["ring_size"])
    try:
        extra.require()
    except LifesignError as error:
        yield Problem.of(error)
        return
    from lifesign.export.queue.places import default_directory

    yield from collector.findings(os.environ, profiles=settings["profiles"])
    if is_configured(os.environ):
        path = Path(settings["spool_dir"]) if settings["spool_dir"] else default_directory(os.environ)
        yield from spool.findings(path, settings["spool_size"])
    yield from _processes(given)


def _processes(given: arguments.Given) -> Iterator[Finding]:
    """What is wrong with how those that are watched just now were started."""
    from lifesign.cli.query.pid_one import HINT, SENTENCE, WORD
    from lifesign.cli.query.target import Wanted

    with contextlib.suppress(LifesignError):  # none is watched
        for one in Wanted(None, given.settings(os.environ), os.environ).seen():
            if any(cause.word == WORD for cause in one.poll.snapshot.causes):
                yield Problem(f"{one.poll.snapshot.service}: {SENTENCE}", HINT.removeprefix("try: "))


def render(
    effective: list[values.Value], problems: list[Problem], passed: list[str], command: Sequence[str] = ()
) -> Group:
    """The settings as a table, then what works, then the problems, each with a hint, and what to do."""
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
    lines.extend(Text.assemble(("✓ ", "green"), printable(what)) for what in passed)
    for problem in problems:
        lines.append(Text.assemble(("✗ ", "bold red"), printable(problem.what)))
        if problem.hint:
            lines.append(Text(f"  try: {printable(problem.hint)}", "dim"))
    lines.append(_what_to_do(len(problems), command))
    return Group(*lines)


def _what_to_do(problems: int, command: Sequence[str]) -> Text:
    from rich.text import Text

    if not problems:
        # The arguments may hold passwords, and this is copied into reports.
        example = " ".join([os.path.basename(command[0]), *["..."][: len(command) - 1]]) if command else "python app.py"
        return Text(f"no problems found; what to do next: lifesign run -- {printable(example)}", "green")
    first = "the problem above" if problems == 1 else f"the {problems} problems above, from the first on"
    return Text(f"what to do next: fix {first}, then run lifesign doctor again", "bold")
