"""A real Prometheus with the shipped config and the shipped alerts, in a hurry or as they are."""

from __future__ import annotations

import json
import math
import re
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from support.backends.components import Component
from support.backends.ports import free_addresses
from support.paths import CONFIGS

INTERVAL = "500ms"  # to scrape and to evaluate; shipped: 15 s
_UNITS = {"s": 1, "m": 60}


class Prometheus(Component):
    """One server; it takes OTLP, and scrapes what `scrapes` says.

    Args:
        binaries: the folder of `prometheus`.
        folder: for its data.
        hurry: intervals and durations that a test can wait for; see `hurried`.
        host: the address that it listens at.
    """

    def __init__(self, binaries: Path, folder: Path, *, hurry: bool = True, host: str = "127.0.0.1") -> None:
        (self.address,) = free_addresses(1, host)
        folder.mkdir()
        self._folder = folder
        config = yaml.safe_load((CONFIGS / "prometheus.yaml").read_text())
        rules = (CONFIGS / "alerts.yaml").read_text()
        if hurry:
            config["global"] = {"scrape_interval": INTERVAL, "evaluation_interval": INTERVAL}
            rules = hurried(rules)
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
        (folder / "alerts.yaml").write_text(rules)
        super().__init__(
            [
                str(binaries / "prometheus"),
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self.address}",
                "--web.enable-otlp-receiver",
            ],
            {},
            (self.address, "/-/ready"),
            folder / "prometheus.log",
        )

    def scrapes(self, *targets: str) -> None:
        (self._folder / "targets.yaml").write_text(yaml.safe_dump([{"targets": list(targets)}]))

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What an instant query gives now."""
        return list(self.ask("query", query=expression)["result"])

    def ask(self, what: str, **parameters: str) -> Any:
        """The data of an answer of its API."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://{self.address}/api/v1/{what}?{query}", timeout=60) as answer:
            return json.load(answer)["data"]

    def fired(self) -> dict[tuple[str, str], float]:
        """When each alert fired first, by its name and its job; wall clock seconds."""
        found: dict[tuple[str, str], float] = {}
        for series in self.query('ALERTS{alertstate="firing"}[1h]'):
            of = series["metric"]["alertname"], series["metric"].get("job", "")
            found[of] = min(found.get(of, math.inf), float(series["values"][0][0]))
        return found


def hurried(rules: str) -> str:
    """The same rules with every duration of n seconds made one of the square root of n.

    So all stay in order, the shortest stay longer than a busy machine stumbles (15 s become 3.9 s), and the
    longest end while one waits (20 m become 35 s).
    """

    def root(found: re.Match[str]) -> str:
        seconds = int(found["number"]) * _UNITS[found["unit"]]
        return f"{found['before']}{round(math.sqrt(seconds) * 1000)}ms"

    return re.sub(r"(?P<before>\[|offset |for: )(?P<number>[0-9]+)(?P<unit>[sm])(?=[\]\)\n])", root, rules)
