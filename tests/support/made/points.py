"""A store of metrics, and what is in what it collected."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData

from lifesign.export.metrics import Metrics
from lifesign.export.readings import ExportStats


def made(stats: ExportStats | None = None, preferences: tuple[Any, Any] = (None, None)) -> Metrics:
    return Metrics(preferences, lambda: stats or ExportStats())


def points(data: MetricsData, name: str) -> dict[tuple[tuple[str, Any], ...], Any]:
    """The data points of a metric by their attributes."""
    return {
        tuple(sorted(point.attributes.items())): point
        for of_resource in data.resource_metrics
        for scope in of_resource.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    }


def values(data: MetricsData, name: str) -> dict[tuple[tuple[str, Any], ...], Any]:
    return {attributes: point.value for attributes, point in points(data, name).items()}


def named(**attributes: Any) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((name.replace("__", "."), value) for name, value in attributes.items()))
