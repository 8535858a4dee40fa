"""Helm itself, and what it makes of the chart."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.built import built
from support.paths import CHART

EXAMPLES = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))


class RefusedError(AssertionError):
    """Helm did not render; its message."""


@pytest.fixture(scope="session")
def helm() -> Callable[..., str]:
    """Runs Helm; what it printed, or `RefusedError`."""
    binary = built("helm")

    def run(*arguments: str) -> str:
        ended = subprocess.run([binary, *arguments], capture_output=True, text=True, check=False)
        if ended.returncode:
            raise RefusedError(ended.stderr)
        return ended.stdout

    return run


@pytest.fixture(scope="session")
def render(helm: Callable[..., str]) -> Callable[..., list[dict[str, Any]]]:
    """The chart's manifests, with `--set` texts or for one of the examples."""

    @functools.cache
    def template(*sets: str, example: str | None = None, chart: Path = CHART) -> list[dict[str, Any]]:
        arguments = [part for text in sets for part in ("--set", text)]
        if example is not None:
            arguments += ["--values", str(CHART / "ci" / f"{example}-values.yaml")]
        return manifests(helm("template", "lifesign", str(chart), "--namespace", "shop", *arguments))

    return template


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's chart that depends on ours."""
    path = tmp_path_factory.mktemp("charts") / "shop"
    shutil.copytree(Path(__file__).parent / "shop", path)
    shutil.copytree(CHART, path / "charts" / "lifesign")
    return path


def manifests(text: str) -> list[dict[str, Any]]:
    return [found for found in yaml.safe_load_all(text) if found]


def one(found: list[dict[str, Any]], kind: str, name: str | None = None) -> dict[str, Any]:
    """The only manifest of a kind, and of that name."""
    (manifest,) = (
        manifest for manifest in found if manifest["kind"] == kind and name in (None, manifest["metadata"]["name"])
    )
    return manifest


def pods(found: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and the spec of every pod that a manifest makes."""
    for manifest in found:
        spec = manifest.get("spec") or {}
        if manifest["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if manifest["kind"] == "Pod":
            yield manifest["metadata"]["name"], spec
        elif "template" in spec:
            yield manifest["metadata"]["name"], spec["template"]["spec"]


def containers(pod: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All of a pod, by name, in the order in which they start."""
    return {container["name"]: container for container in [*pod.get("initContainers", ()), *pod["containers"]]}


def variables(container: dict[str, Any]) -> dict[str, str]:
    """The environment of a container, as far as it is plain."""
    return {entry["name"]: entry["value"] for entry in container.get("env", ()) if "value" in entry}
