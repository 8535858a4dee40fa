"""The chart over the examples in ci/: what is rendered is what is committed, and Kubernetes would take it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import kubernetes_validate
import pytest
import yaml

from lifesign import semconv
from support.paths import CHART, ROOT

from .conftest import EXAMPLES, manifests

NEWEST = ["1.35", "1.36", "1.37"]
OPERATOR = "monitoring.coreos.com/v1"  # its kinds are not Kubernetes' own
RENDERED = CHART / "ci" / "rendered"


class Readable(yaml.SafeDumper):
    """Writes a text of several lines as lines."""


def _lines(dumper: Readable, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


Readable.add_representer(str, _lines)


def without_foreign_content(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What comes from collector-config/ as it is has tests of its own, and changes on its own."""
    for manifest in found:
        if manifest["kind"] == "ConfigMap":
            for name in {"gateway.yaml", "lifesign.json"} & manifest["data"].keys():
                manifest["data"][name] = "..."
        if manifest["kind"] == "PrometheusRule":
            manifest["spec"]["groups"] = "..."
        manifest.get("spec", {}).get("template", {}).get("metadata", {}).pop("annotations", None)
    return found


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_is_rendered_is_what_is_committed(helm: Callable[..., str], example: str) -> None:
    values = str(CHART / "ci" / f"{example}-values.yaml")
    text = helm("template", "lifesign", str(CHART), "--namespace", "shop", "--values", values)
    rendered = yaml.dump_all(without_foreign_content(manifests(text)), Dumper=Readable, sort_keys=False, width=110)
    committed = RENDERED / f"{example}.yaml"
    if os.environ.get("LIFESIGN_TEST_RENDER"):
        committed.write_text(rendered)
    assert rendered == committed.read_text(), "look at the change, then run with LIFESIGN_TEST_RENDER=1"


def test_every_rendered_example_has_its_values() -> None:
    assert sorted(path.stem for path in RENDERED.iterdir()) == EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES)
def test_lint_has_nothing_to_say(helm: Callable[..., str], example: str) -> None:
    said = helm("lint", str(CHART), "--strict", "--values", str(CHART / "ci" / f"{example}-values.yaml"))
    assert "0 chart(s) failed" in said
    assert "[WARNING]" not in said


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("version", NEWEST)
def test_it_is_what_kubernetes_takes_strictly(render: Callable[..., Any], version: str, example: str) -> None:
    checked = 0
    for manifest in render(example=example):
        if manifest["apiVersion"] == OPERATOR:
            continue
        if manifest["apiVersion"] == "admissionregistration.k8s.io/v1" and version == "1.35":
            continue  # the admission policies became stable with 1.36
        assert kubernetes_validate.validate(manifest, version, strict=True) == version
        checked += 1
    assert checked


def test_a_manifest_with_an_unknown_field_would_be_found(render: Callable[..., Any]) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"containers": [], "initContainer": []}}
    with pytest.raises(kubernetes_validate.ValidationError, match="initContainer"):
        kubernetes_validate.validate(pod, NEWEST[-1], strict=True)


def test_those_are_the_newest() -> None:
    assert kubernetes_validate.latest_version().startswith(NEWEST[-1])


def test_chart_image_and_package_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == semconv.VERSION
    label = f'org.opencontainers.image.version="{semconv.VERSION}"'
    assert label in (ROOT / "Dockerfile").read_text()
