"""The kinds of panels that the dashboard is made of. Widths are of 24 columns."""

from __future__ import annotations

from grafana_foundation_sdk.builders import bargauge, heatmap, logs, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.common import TableSortByFieldState
from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from queries import LOGS, ask, ask_logs

Links = list[DashboardLink]


def words(numbers: dict[str, tuple[int, str]]) -> list[ValueMap]:
    """Value mappings: a text and a colour for each number."""
    shown = {str(number): ValueMappingResult(text=word, color=colour) for word, (number, colour) in numbers.items()}
    return [ValueMap(options=shown)]


def graph(title: str, unit: str, width: int, *queries: Dataquery, links: Links | None = None) -> timeseries.Panel:
    panel = timeseries.Panel().title(title).unit(unit).min(0).span(width).height(8)
    for query in queries:
        panel = panel.with_target(query.range())
    return panel.data_links(links or [])


def bars(title: str, width: int, query: Dataquery) -> bargauge.Panel:
    return bargauge.Panel().title(title).with_target(query.instant()).min(0).decimals(0).span(width).height(8)


def number(title: str, unit: str, width: int, query: Dataquery, links: Links | None = None) -> stat.Panel:
    panel = stat.Panel().title(title).with_target(query.instant()).unit(unit).span(width).height(8)
    return panel.data_links(links or [])


def strip(
    title: str, width: int, query: Dataquery, shown: dict[str, tuple[int, str]], links: Links
) -> statetimeline.Panel:
    panel = statetimeline.Panel().title(title).with_target(query.range()).mappings(words(shown))
    return panel.row_height(0.9).span(width).height(8).data_links(links)


def distribution(title: str, unit: str, width: int, query: Dataquery) -> heatmap.Panel:
    """A heatmap of a histogram: buckets over time."""
    query = query.range().format(PromQueryFormat.HEATMAP).exemplar(True)
    return heatmap.Panel().title(title).with_target(query).calculate(False).unit(unit).span(width).height(8)


def lines(title: str, width: int, expression: str) -> logs.Panel:
    panel = logs.Panel().title(title).datasource(LOGS).with_target(ask_logs(expression))
    return panel.show_time(True).wrap_log_message(True).enable_log_details(True).span(width).height(10)


def ranking(title: str, width: int, columns: dict[str, tuple[str, str]], names: dict[str, str]) -> table.Panel:
    """A table with the biggest numbers of its first column on top.

    Args:
        columns: unit and query of each.
        names: what the labels that the queries return are called.
    """
    letters = {name: chr(ord("A") + index) for index, name in enumerate(columns)}
    renamed = names | {f"Value #{letter}": name for name, letter in letters.items()}
    panel = table.Panel().title(title).span(width).height(8)
    for name, (unit, expression) in columns.items():
        query = ask(expression, letter=letters[name]).instant().format(PromQueryFormat.TABLE)
        panel = panel.with_target(query).override_by_name(name, [DynamicConfigValue("unit", unit)])
    return (
        panel.with_transformation(DataTransformerConfig("merge", options={}))
        .with_transformation(
            DataTransformerConfig("organize", options={"excludeByName": {"Time": True}, "renameByName": renamed})
        )
        .sort_by([TableSortByFieldState().display_name(next(iter(columns))).desc(True)])
    )


def processes(
    title: str, columns: dict[str, tuple[str, str]], worst: str, shown: dict[str, tuple[int, str]], links: Links
) -> table.Panel:
    """A table with one row per process.

    Args:
        columns: unit and query of each; a query must return the labels `job` and `instance` and no others.
        worst: the column to sort by, shown with value mappings.
        links: data links on the service name.
    """
    names = {"job": "Service", "instance": "Process"}
    return (
        ranking(title, 24, columns, names)
        .height(10)
        .override_by_name(
            worst,
            [
                DynamicConfigValue("mappings", words(shown)),
                DynamicConfigValue("custom.cellOptions", {"type": "color-background"}),
            ],
        )
        .override_by_name("Service", [DynamicConfigValue("links", [link.build() for link in links])])
        .sort_by([TableSortByFieldState().display_name(worst).desc(True)])
    )
