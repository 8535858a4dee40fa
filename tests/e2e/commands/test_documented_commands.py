"""The commands of README and docs, run as they stand where somebody would type them.

Only addresses and paths that a machine of tests may have no room for are others. What a dialogue shows as the answer is
compared, but for what differs from run to run. `tests/docs/test_blocks.py` holds that no block is forgotten.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from support import victims
from support.commands import processes
from support.documented import Block, block
from support.otlp_server import HttpServer
from support.supervised import environment, started
from support.waiting import eventually

PATIENCE = 60.0
BIN = Path(sys.executable).parent
SHOP = """
import asyncio, signal
import lifesign

async def app(scope, receive, send):
    while scope["type"] == "lifespan":
        what = (await receive())["type"]
        await send({"type": f"{what}.complete"})
        if what == "lifespan.shutdown":
            return
    lifesign.event("order")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})

async def main():
    @lifesign.postcondition("broker connected")
    async def broker_connected(): ...

    await asyncio.sleep(0.03)
    lifesign.checkpoint("config loaded")
    await asyncio.sleep(0.5)  # the boot is in its fourth stage by then
    lifesign.checkpoint("broker connected")
    await asyncio.sleep(0.5)
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    while not ending.is_set():
        lifesign.event("order")
        await asyncio.sleep(0.05)

if __name__ == "__main__":
    asyncio.run(main())
"""
_VARIES = re.compile(r"(?<![\w.:/])\d+(?:\.\d+)? ?(?:ms|s|%|x)(?!\w)|(?<=[a-z] )\d+(?=[ :])")
_RULE = re.compile(r"^[\s─━]*$")


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def plain(lines: Sequence[str]) -> list[str]:
    """Without times, counts and PIDs, and what only aligns; on a busy machine anybody may be starved."""
    joined = (" ".join(line.split()).replace(", starved", "") for line in lines if not _RULE.match(line))
    return [_VARIES.sub("#", line) for line in joined]


def missing(expected: Sequence[str], answer: Sequence[str]) -> list[str]:
    """What of the page is not in an answer, whatever else that has."""
    there = plain(answer)
    return [line for line in plain(expected) if line not in there]


class Scene:
    """A folder with a shop in it, a run directory of its own, and the repository's lifesign on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = folder / "run"
        self.run.mkdir()
        (folder / "shop.py").write_text(SHOP)
        path = f"{BIN}:{os.environ['PATH']}"
        self.environ = environment(LIFESIGN_DIR=str(self.run), PATH=path, PYTHONPATH=str(folder))

    def ends(self, commands: str) -> subprocess.CompletedProcess[str]:
        """What a shell says to it."""
        return subprocess.run(
            ["bash", "-ec", commands],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @contextlib.contextmanager
    def goes_on(self, commands: str) -> Iterator[subprocess.Popen[bytes]]:
        """What is typed into a shell until it is ended like by Ctrl-C, all of it."""
        output = (self.folder / "output").open("wb")
        shell = ["bash", "-ec", commands]
        with (
            output,
            started(
                shell,
                self.environ,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            ) as process,
        ):
            yield process
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(PATIENCE)

    def seen(self) -> list[dict[str, Any]]:
        """The processes that are watched."""
        status = self.ends(f"lifesign status --json --dir {self.run}")
        return processes(status.stdout) if status.returncode == 0 else []

    def said(self) -> str:
        return (self.folder / "output").read_text()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


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


DESK = """
import asyncio, unittest
import pytest
import lifesign

async def checkout(what):
    await asyncio.sleep(0)

class Desk:
    @classmethod
    async def open(cls):
        lifesign.checkpoint("config loaded")
        lifesign.checkpoint("broker connected")

        @lifesign.postcondition("database connected")
        async def database_connected(): ...

        @lifesign.postcondition("cache warm")
        async def cache_warm():
            return False, "it is empty"

        desk = cls()
        desk.orders = asyncio.Queue()
        desk.task = asyncio.create_task(desk.consume())
        return desk

    async def consume(self):
        await self.orders.get()

    async def sell(self, what):
        lifesign.event("order")

async def set_up(self):
    self.desk = await Desk.open()
"""
WRONG = """
async def test_says_what_came(lifesigns):
    for _ in range(3):
        lifesign.event("order")
    with lifesign.synthetic():
        for _ in range(2):
            lifesign.event("order")
    for _ in range(12):
        lifesign.event("tick")
    lifesigns.assert_event("order", times=1)
"""


def test_the_tests_of_the_page_pass_and_fail_as_it_says(scene: Scene) -> None:
    page, files = "docs/testing.md", {"wrong": WRONG}
    for first in ("import pytest", "@pytest.mark.lifesign(max_block_ms", "import lifesign", "from lifesign.testing"):
        files[f"block{len(files)}"] = block(page, first).content
    for name, content in files.items():
        more = "\nDeskTest.asyncSetUp = set_up\n" if "DeskTest" in content else ""
        (scene.folder / f"test_{name}.py").write_text(DESK + content + more)
    ended = scene.ends("pytest -q -p no:cacheprovider -o asyncio_mode=auto")
    assert "1 failed, 5 passed" in ended.stdout, ended.stdout
    shown = [line.removeprefix("E   ").strip() for line in ended.stdout.splitlines()]
    assert missing(block(page, "AssertionError: the event").answer(), shown) == []


@pytest.mark.parametrize("number", [0, 1])
def test_the_gate_is_the_first_test(number: int, scene: Scene) -> None:
    port = free_port()
    command = block("docs/testing.md", "pytest --lifesign-boot").commands()[number]
    (scene.folder / "test_nothing.py").write_text("def test_nothing(): ...\n")
    moved = command.replace("tcp:8000", f"tcp:{port}").replace("uvicorn shop:app", f"uvicorn shop:app --port {port}")
    ended = scene.ends(f"{moved} -q -p no:cacheprovider")
    assert "2 passed" in ended.stdout, ended.stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_the_unit(scene: Scene) -> None:
    unit = block("docs/systemd.md", "[Unit]").content
    (scene.folder / "shop.service").write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", unit))
    assert "shop.service" not in scene.ends("systemd-analyze verify ./shop.service").stderr
