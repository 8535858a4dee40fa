"""The commands of README and docs, run as they stand where somebody would type them.

Only addresses and paths that a machine of tests may have no room for are others. What a dialogue shows as the answer is
compared, but for what differs from run to run. `tests/docs/test_blocks.py` holds that no block is forgotten.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sys

import pytest
import yaml

from support import victims
from support.documented.blocks import Block, block
from support.documented.scene import PATIENCE, Scene, free_port, missing
from support.otlp_server import HttpServer
from support.supervised import started
from support.waiting import eventually


def without_installation(found: Block) -> str:
    """The commands but for those that need an index of packages; `tests/docs/test_blocks.py` reads these."""
    return "\n".join(one for one in found.commands() if not one.startswith("pip install"))


@pytest.mark.parametrize(
    ("page", "first", "workers"),
    [
        ("README.md", "pip install 'lifesign[sidecar]'", 2),
        ("docs/dry-run.md", "lifesign run --dry-run burst:50", 1),
    ],
)
def test_a_service_of_the_page_is_watched(page: str, first: str, workers: int, scene: Scene) -> None:
    with scene.goes_on(f"{without_installation(block(page, first))} --port {free_port()}"):
        eventually(lambda: [one["state"] for one in scene.seen()] == ["healthy"] * workers, PATIENCE, 0.3)


def test_telemetry_goes_where_the_page_says(scene: Scene) -> None:
    server = HttpServer()
    found = block("README.md", "export OTEL_EXPORTER_OTLP_ENDPOINT")
    commands = "\n".join(found.commands()).replace("http://127.0.0.1:4318", server.url)
    with contextlib.ExitStack() as opened:
        opened.callback(server.stop)
        opened.enter_context(scene.goes_on(f"{commands} --port {free_port()}"))
        eventually(lambda: "boot" in {span.name for span in server.spans()}, PATIENCE, 0.3)
    of = {one.value.string_value for one in server.of("traces")[0].resource_spans[0].resource.attributes}
    assert "shop" in of


def test_the_two_containers_share_a_folder(scene: Scene) -> None:
    inject, watch = block("README.md", "lifesign inject").commands()
    shared = scene.folder / "lifesign"
    (shared / "run").mkdir(parents=True)
    scene.run = shared / "run"
    printed = scene.ends(inject.replace("/lifesign/", f"{shared}/")).stdout
    name, _, path = printed.strip().partition("=")
    main = {**scene.environ, name: f"{path}:{scene.folder}", "LIFESIGN_DIR": str(scene.run)}
    with (
        scene.goes_on(watch.replace("/lifesign/", f"{shared}/")),
        started([sys.executable, "-m", "shop"], main, cwd=scene.folder),
    ):
        eventually(lambda: [one["state"] for one in scene.seen()] == ["healthy"], PATIENCE, 0.3)
        past = json.loads(scene.ends(f"lifesign events --json --dir {scene.run}").stdout)
        assert past["sidecar"] is True


@pytest.mark.parametrize(
    ("letter", "pages"),
    [
        ("d", [("README.md", "$ lifesign why"), ("docs/why.md", "$ lifesign why")]),
        ("w", [("docs/why.md", "$ lifesign stalls")]),
    ],
)
def test_an_illness_of_the_demo_is_answered_as_the_page_shows(
    letter: str, pages: list[tuple[str, str]], scene: Scene
) -> None:
    shown = [block(*page) for page in pages]
    promise = {"LIFESIGN_EVENTS": "order=5s"}
    with victims.start([sys.executable, "-m", "lifesign.demo"], scene.run, promise) as desk:
        try:
            eventually(lambda: any(event["count"] for one in scene.seen() for event in one["events"]), PATIENCE, 0.3)
            assert desk.stdin is not None
            desk.stdin.write(f"{letter}\n".encode())
            desk.stdin.flush()
            lacks: list[str] = []

            def answered() -> bool:
                lacks[:] = [
                    line
                    for one in shown
                    for command in one.commands()
                    for line in missing(one.answer(), scene.ends(command).stdout.splitlines())
                ]
                return not lacks

            with contextlib.suppress(AssertionError):
                eventually(answered, PATIENCE, 0.5)
            assert lacks == []
        finally:
            desk.kill()


def test_the_gate_shows_the_boot_as_the_page_does(scene: Scene) -> None:
    found = block("docs/smoke.md", "$ lifesign smoke")
    ended = scene.ends("\n".join(found.commands()))
    assert (ended.returncode, missing(found.answer(), ended.stderr.splitlines())) == (0, []), ended.stderr
    assert (scene.folder / "smoke.xml").exists()


def test_the_steps_of_a_pipeline(scene: Scene) -> None:
    port = free_port()
    installs, gate, keeps = yaml.safe_load(block("docs/smoke.md", "- run: pip install").content)
    ended = scene.ends(gate["run"].replace(":8000", f":{port}") + f" --port {port}")
    assert ended.returncode == 0, ended.stderr
    assert (scene.folder / keeps["with"]["path"]).exists()
    assert installs["run"].startswith("pip install ")


def test_the_api_is_asked_as_the_page_does(scene: Scene) -> None:
    port = free_port()
    processes_of, dump = (block("docs/api.md", first).content for first in ("curl -s http", "curl -s -X POST"))
    with scene.goes_on(f"lifesign run --page-addr 127.0.0.1:{port} -- python -m shop"):
        eventually(lambda: [one["state"] for one in scene.seen()] == ["healthy"], PATIENCE, 0.3)
        (row,) = json.loads(scene.ends(processes_of.replace(":7317", f":{port}")).stdout)["data"]["rows"]
        asked = scene.ends(dump.replace(":7317", f":{port}").replace("KEY", row["key"])).stdout
        assert json.loads(asked)["request"] >= 1


@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq here")
def test_jq_reads_what_is_printed(scene: Scene) -> None:
    with scene.goes_on("lifesign run -- python -m shop"):
        eventually(lambda: [one["state"] for one in scene.seen()] == ["healthy"], PATIENCE, 0.3)
        for command in block("docs/json.md", "lifesign why --json").commands():
            ended = scene.ends(f"set -o pipefail; {command}")
            assert (ended.returncode, bool(ended.stdout)) == (0, " why " not in command), ended.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_the_unit(scene: Scene) -> None:
    unit = block("docs/systemd.md", "[Unit]").content
    (scene.folder / "shop.service").write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", unit))
    assert "shop.service" not in scene.ends("systemd-analyze verify ./shop.service").stderr
