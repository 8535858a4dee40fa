"""Real Collectors with the shipped configs, on ports and in folders of their own."""

from __future__ import annotations

from pathlib import Path

from support.backends.components import Component
from support.backends.ports import free_addresses
from support.paths import CONFIGS


class Shipped(Component):
    """A Collector that runs shipped files, laid over each other in this order.

    Args:
        binary: the Collector.
        folder: for its queue and its log.
        files: names in `collector-config/`, or ``yaml:`` and a setting.
        environ: the variables of the files, beside the ports.
    """

    def __init__(self, binary: str, folder: Path, *files: str, **environ: str) -> None:
        self.grpc, self.http, health, self.metrics, self.scrape = free_addresses(5)
        folder.mkdir(exist_ok=True)
        super().__init__(
            [binary, *(f"--config={name if name.startswith('yaml:') else CONFIGS / name}" for name in files)],
            {
                "LIFESIGN_COLLECTOR_GRPC": self.grpc,
                "LIFESIGN_COLLECTOR_HTTP": self.http,
                "LIFESIGN_COLLECTOR_HEALTH": health,
                "LIFESIGN_COLLECTOR_METRICS_PORT": self.metrics.rpartition(":")[2],
                "LIFESIGN_COLLECTOR_SCRAPE": self.scrape,
                "LIFESIGN_COLLECTOR_STORAGE": str(folder / "queue"),
                **environ,
            },
            (health, "/"),
            folder / "collector.log",
        )

    @property
    def environment(self) -> dict[str, str]:
        """The standard variables that point an exporter at it."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{self.http}"}
