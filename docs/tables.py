"""Renews the tables of the pages that are made of the code's own tables: ``python docs/tables.py``.

Such a table stands between two comments that name it. All else on those pages is written by hand.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Callable, Iterable

from lifesign import errors, settings
from lifesign.cli.shell.commands import COMMANDS, Command
from lifesign.export.delays import INSTRUMENT as DELAY
from lifesign.export.instruments import ROWS
from lifesign.export.points import COUNTER, GAUGE, UP_DOWN_COUNTER

HERE = Path(__file__).parent
KINDS = {COUNTER: "counter", GAUGE: "gauge", UP_DOWN_COUNTER: "up-down counter"}
MORE = {  # the page that has all of a command
    "attach": "attach.md",
    "detach": "attach.md",
    "probe": "probes.md",
    "smoke": "smoke.md",
    "inject": "ways-to-run.md#pythonpath",
    "stalls": "why.md",
    "why": "causes.md",
}
COSTS = (
    "| idle service",
    "| start of an asyncio",
    "| uvicorn: requests",
    "| sidecar of one idle",
    "| `event()`, proc",
    "| dump of 100,000",
)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "\n".join(re.sub(" +", " ", f"| {' | '.join(cells)} |") for cells in lines)


def of_settings() -> str:
    rows = []
    for one in settings.TABLE:
        names = ", ".join(f"`{name}`" for name in (one.env, one.alias) if name)
        said = "; ".join(filter(None, (one.help, one.more)))
        rows.append((names, one.default or one.unset, re.sub(r"\bLIFESIGN_\w+", r"`\g<0>`", said)))
    return table(("variable", "default", ""), rows)


def of_metrics() -> str:
    rows = []
    for row in ROWS:
        attributes = (f"`{name}`" + (f": {values}" if values else "") for name, values in row.attributes.items())
        said = "; ".join(filter(None, (row.description, row.more)))
        rows.append((f"`{row.name}`", f"{KINDS[row.kind]} `{row.unit}`", said, "; ".join(attributes)))
    name, unit, said = DELAY
    return table(("name", "kind, unit", "", "attributes"), [(f"`{name}`", f"histogram `{unit}`", said, ""), *rows])


def of_commands() -> str:
    return table(("command", "does", "for example"), (_command(name, one) for name, one in COMMANDS.items()))


def _command(name: str, one: Command) -> tuple[str, str, str]:
    said = " ".join(filter(None, (f"{one.does[0].upper()}{one.does[1:]}.", one.more)))
    link = f" ([more]({MORE[name]}))" if name in MORE else ""
    shown = (
        f"`{line}`" + (f": {meaning}" if meaning else "")
        for line, meaning in one.examples
        if "|" not in line  # which a table has no room for
    )
    return f"`lifesign {name}`", said + link, "<br>".join(shown)


def of_exit_codes() -> str:
    rows = re.findall(r"^(\d\S*) +(\S.*)$", errors.__doc__ or "", re.MULTILINE)
    return table(("code", ""), ((f"`{code}`", meaning) for code, meaning in rows))


def of_costs() -> str:
    """Lines of what the benchmarks have measured."""
    measured = (HERE / "performance.md").read_text("utf-8").splitlines()
    lines = []
    for number, line in enumerate(measured):
        if line.startswith(COSTS):
            lines += [
                line,
                *(
                    more
                    for more in measured[number + 1 : number + 2]
                    if more.startswith(("| ... its memory", "| ... memory added"))
                ),
            ]
    cells = (tuple(cell.strip() for cell in line.strip("| ").split(" | ")) for line in lines)
    return table(("", "lifesign", "beside it", ""), (row[:4] for row in cells))


PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "reference.md": {"settings": of_settings, "metrics": of_metrics},
    "production.md": {"costs": of_costs},
    "commands.md": {"commands": of_commands, "exit codes": of_exit_codes},
}


def renewed(page: str) -> str:
    """The page with its tables as they are now."""
    text = (HERE / page).read_text("utf-8")
    for name, made in PAGES[page].items():
        begin, end = f"<!-- {name}: made by docs/tables.py -->", f"<!-- end of {name} -->"
        before, found, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise SystemExit(f"docs/{page} has no place for the table of {name}")
        text = f"{before}{begin}\n\n{made()}\n\n{end}{after}"
    return text


if __name__ == "__main__":
    for page in PAGES:
        (HERE / page).write_text(renewed(page), "utf-8")
