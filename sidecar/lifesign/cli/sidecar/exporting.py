"""The export of a sidecar, where a Collector is set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping

from lifesign.export.otlp.targets import is_configured
from lifesign.settings import Settings

if TYPE_CHECKING:
    from lifesign.export.pipeline import Pipeline


def exporting(settings: Settings, environ: Mapping[str, str], service: str) -> Pipeline | None:
    """None where there is nothing to export to."""
    if not is_configured(environ):
        return None
    from lifesign.export.pipeline import Pipeline  # 8 MiB, which only those pay who export

    return Pipeline(settings, environ, service)
