"""The dashboard fits Grafana's own types, and Grafana's grammar of Loki's queries can read those that it asks."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.built import built
from support.paths import CONFIGS

GRAFANA = CONFIGS / "grafana"
DASHBOARD = json.loads((GRAFANA / "dashboard.json").read_text())
# An enumeration takes none of the plain values that JSON has; a union of them does.
ENUM = re.compile(r"export declare enum (\w+) \{(.*?)\n\}", re.DOTALL)
TYPES = """
import {Dashboard, Panel, RowPanel} from './types/veneer/dashboard.types';
type Some<T> = T extends Array<infer E> ? Array<Some<E>> : T extends object ? {[K in keyof T]?: Some<T[K]>} : T;
type Config = NonNullable<Panel['fieldConfig']>;
type Of<Options, Custom> = Omit<Panel, 'options' | 'fieldConfig'> & {
  options?: Some<Options>;
  fieldConfig?: {defaults: Omit<Config['defaults'], 'custom'> & {custom?: Some<Custom>}; overrides: any[]};
};
"""
PARSE = """
const {parser} = require('@grafana/lezer-logql');
const wrong = QUERIES.filter(query => {
  let bad = false;
  parser.parse(query).iterate({enter(node) { bad ||= node.type.isError; }});
  return bad;
});
console.log(JSON.stringify(wrong));
"""


@pytest.fixture(scope="module")
def grafana() -> Path:
    """The folder of `node_modules`."""
    return Path(built("grafana"))


@pytest.fixture(scope="module")
def types(grafana: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Grafana's types in `types`."""
    folder = tmp_path_factory.mktemp("grafana")
    source = grafana / "node_modules/@grafana/schema/dist/types"
    for file in source.rglob("*.d.ts"):
        where = file.relative_to(source)
        text = ENUM.sub(_union, file.read_text())
        made = folder / "types" / where
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(text.replace("'@grafana/schema'", f"'{'../' * (len(where.parts) - 1)}index'"))
    return folder


def _union(enum: re.Match[str]) -> str:
    values = re.findall(r'= (".*?"|-?[0-9]+)', enum[2])
    return f"export type {enum[1]} = {' | '.join(values)};"


def program(board: dict[str, Any], types: Path) -> str:
    """The dashboard as typed literals, of which TypeScript takes no property that it does not know."""
    kinds = sorted({panel["type"].replace("-", "") for panel in board["panels"]} - {"row"})
    lines = [f"import * as {kind} from './types/raw/composable/{kind}/panelcfg/x/types.gen';" for kind in kinds]
    lines += [TYPES, f"const board: Dashboard = {json.dumps({**board, 'panels': []})};"]
    for panel in board["panels"]:
        kind = panel["type"].replace("-", "")
        if kind == "row":
            typed = "RowPanel"
        else:
            known = (types / f"types/raw/composable/{kind}/panelcfg/x/types.gen.d.ts").read_text()
            custom = f"{kind}.FieldConfig" if "interface FieldConfig " in known else "Record<string, never>"
            typed = f"Of<{kind}.Options, {custom}>"
        lines.append(f"const panel{panel['id']}: {typed} = {json.dumps(panel)};")
    return "\n".join(lines)


def complaints(board: dict[str, Any], grafana: Path, types: Path) -> list[str]:
    (types / "board.ts").write_text(program(board, types))
    compiler = grafana / "node_modules/typescript/lib/tsc.js"
    options = (
        "--noEmit --strict --skipLibCheck --pretty false --target es2022 --module esnext --moduleResolution bundler"
    )
    ended = subprocess.run(
        ["node", compiler, *options.split(), "board.ts"], cwd=types, capture_output=True, text=True, check=False
    )
    return [line for line in ended.stdout.splitlines() if line.startswith("board.ts")]


def test_it_fits_the_types_of_grafana(grafana: Path, types: Path) -> None:
    assert complaints(DASHBOARD, grafana, types) == []


def test_what_does_not_fit_is_found(grafana: Path, types: Path) -> None:
    board = copy.deepcopy(DASHBOARD)
    panels = {panel["type"]: panel for panel in board["panels"]}
    panels["table"]["options"]["cellHeight"] = "huge"
    panels["heatmap"]["nonsense"] = 1
    board["templating"]["list"][0]["refresh"] = "often"
    found = complaints(board, grafana, types)
    assert len(found) == 3, found
    for word in ("huge", "nonsense", "VariableRefresh"):
        assert any(word in line for line in found), (word, found)


def logs() -> Iterator[str]:
    """Every query of Loki: of panels, of links, of what leads from a span to its log records."""
    text = (GRAFANA / "dashboard.json").read_text()
    for link in re.findall(r'"url": "(/explore[^"]+)"', text):
        (pane,) = json.loads(urllib.parse.parse_qs(link.partition("?")[2])["panes"][0]).values()
        yield from (query["expr"] for query in pane["queries"] if query["datasource"]["type"] == "loki")
    for panel in DASHBOARD["panels"]:
        yield from (one["expr"] for one in panel.get("targets", ()) if one["datasource"]["type"] == "loki")
    yield from re.findall(r"query: '(.+)'", (GRAFANA / "provisioning/datasources/lifesign.yaml").read_text())


def test_loki_could_read_its_queries(grafana: Path) -> None:
    queries = [re.sub(r"\$+(\{(\w+\[.*?\]|[^{}])+\}|\w+)", "filled", query) for query in sorted({*logs()})]
    assert len(queries) >= 5
    assert all("filled" in query and "$" not in query for query in queries), queries
    for asked, wrong in ((queries, []), (['{a="b"} | = "'], ['{a="b"} | = "'])):
        script = PARSE.replace("QUERIES", json.dumps(asked))
        ended = subprocess.run(["node", "-e", script], cwd=grafana, capture_output=True, text=True, check=True)
        assert json.loads(ended.stdout) == wrong
