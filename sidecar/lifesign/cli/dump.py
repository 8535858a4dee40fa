"""``lifesign dump [PROCESS]``: every asyncio task of watched processes, grouped by where it waits."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from lifesign.cli.options import arguments
from lifesign.cli.output.terminal import console, print_json
from lifesign.cli.supervise import extra

if TYPE_CHECKING:
    from lifesign.cli.query.request import Answer


def register(parser: argparse.ArgumentParser) -> None:
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--tree", action="store_true", help="print who awaits whom, one line per group")
    form.add_argument("--json", action="store_true", help="print JSON")
    arguments.add_question(parser, timeout=5.0, more=", and up to 10 more for many tasks")


def main(args: argparse.Namespace) -> int:
    """Asks, waits, and prints the answers; raises as `request.answers`."""
    extra.require()
    from lifesign.cli.query.request import answers, dumps

    hint = "lifesign status; a frozen process runs no Python and cannot answer: read its last words instead"
    found, code = answers(args, dumps, "task dumps", hint)
    if args.json:
        print_json({"processes": [to_json(process.pid, answer) for process, answer in found]})
    else:
        for number, (process, answer) in enumerate(found):
            if number:
                print()
            show(process.named(), answer, as_tree=args.tree)
    return code


def to_json(pid: int, answer: Answer) -> dict[str, Any]:
    """The dump of one process, its groups, and what else belongs to it; see `wire.records`."""
    whole = answer.whole._asdict() if answer.whole is not None else {}
    more = {name: whole.get(name, ()) for name in ("primitives", "threads", "executors")}
    return {"pid": pid, "dump": answer.dump, "groups": answer.groups, **more, "stalls": answer.stalls}


def show(name: str, answer: Answer, *, as_tree: bool) -> None:
    """Prints a dump for a person."""
    from lifesign.cli.taskdump.view import render, render_tree
    from lifesign.watch.sources import Sources

    to = console()
    if as_tree:
        to.print(render_tree(name, answer), crop=False)
    else:
        # Seen only by who runs this, and read with their rights.
        to.print(render(name, answer, Sources()), crop=False)
