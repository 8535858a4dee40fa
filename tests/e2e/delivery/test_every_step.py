"""A sidecar that is killed at any one of its steps, or whose step fails, loses nothing.

A step is a system call that changes a file (where calls are to fail, also one that reads). One life of a sidecar is
written down by strace; then, for each step of it, the same life begins again over the same records, is killed right
before that call takes effect (which is also right after the one before), and a next life has to make it good.
`make faults` goes through all of them, else it is a sample.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from lifesign.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from support.faults.books import Account, Books
from support.faults.scene import FULL, Scene
from support.faults.steps import Step, Tracer, steps
from support.otlp_server import Answer, HttpServer
from support.paths import VICTIMS

SAMPLE = 1  # of the steps of each part
DOWN = [Answer(503)] * 1000


class Part(NamedTuple):
    """One kind of life. Its Collector answers by `script`, the next life's takes everything."""

    name: str
    records: int
    done: Callable[[Scene, HttpServer], bool]  # whether the life has come to where it may end
    script: Mapping[str, list[Answer]] = MappingProxyType({})
    environ: Mapping[str, str] = MappingProxyType({})
    program: Sequence[str] = ("-m", "lifesign")
    before: bool = False  # an earlier life left everything in the spool
    # Most that may be counted beyond what is missing: a torn line; what a poll had emitted that was dropped or refused
    # before the cursors into the pulses were saved, since the next life tells that again.
    over: int = 1


def _arrived(scene: Scene, server: HttpServer) -> bool:
    return scene.account().missing == 0 and _noted(scene)


def _noted(scene: Scene) -> bool:
    return (scene.spool / "cursors.json").exists()


def _full(scene: Scene, server: HttpServer) -> bool:
    return _noted(scene) and "the spool is full" in scene.said.read_text() and bool(server.of("traces"))


def _refused(scene: Scene, server: HttpServer) -> bool:
    return _noted(scene) and not server.pending("traces") and not server.pending("logs")


def _buried(scene: Scene, server: HttpServer) -> bool:
    there = [entry for entry in scene.run.iterdir() if entry.is_dir()]
    # Where a step of it fails, something stays.
    return _arrived(scene, server) and not any((one / "pulse").exists() and (one / "life").exists() for one in there)


PARTS = [
    Part("delivered", 40, _arrived),
    Part("out_of_the_spool", 40, _arrived, before=True),
    Part("buried", 40, _buried, program=(str(VICTIMS / "hasty.py"),)),
    Part("dropped", 110, _full, {"traces": DOWN, "logs": DOWN}, {"LIFESIGN_SPOOL_SIZE": "64KiB"}, over=130),
    Part(
        "refused",
        40,
        _refused,
        {"traces": [Answer(413), Answer(rejects=3), Answer(400)], "logs": [Answer(400)]},
        over=45,
    ),
]


class Rehearsed:
    """One part, whose life begins as often as it takes over copies of the same records."""

    def __init__(self, part: Part, folder: Path, tracer: Tracer) -> None:
        self._part = part
        self._folder = folder
        self._tracer = tracer
        self._lives = 0
        self.name, self.over = part.name, part.over
        self._master = folder / "master"
        server, scene = self._scene(self._master)
        try:
            scene.main_environ["LIFESIGN_RING_SIZE"] = "256KiB"
            scene.main(part.records, rate=5000).wait()
            if part.before:
                server.script("traces", *DOWN)
                server.script("logs", *DOWN)
                self._end(scene, server, scene.sidecar(), lambda: bool(server.of("traces")) and _noted(scene))
        finally:
            scene.close()
            server.stop()

    @cached_property
    def steps(self) -> list[Step]:
        """All the steps of an undisturbed life."""
        log = self._folder / "steps"
        folder, server, scene = self._begun()
        try:
            first = scene.sidecar(under=self._tracer.records(log), program=self._part.program)
            assert self._lived(scene, server, first) == 0
        finally:
            scene.close()
            server.stop()
        return steps(log, folder, scene.said)

    def account(self, step: Step, fault: str) -> tuple[int, Account, str]:
        """A life in which one step goes wrong, and the next one: how the first ended, the books, what was said."""
        folder, server, scene = self._begun()
        try:
            under = self._tracer.hits(step, folder, fault)
            status = self._lived(scene, server, scene.sidecar(under=under, program=self._part.program))
            server.relent()
            self._end(scene, server, scene.sidecar(), lambda: scene.account().lost == 0)
            return status, scene.account(), scene.said.read_text(errors="replace")
        except AssertionError:
            print(f"\n{step}, {fault}: {scene.account()}\n{scene.said.read_text(errors='replace')}")
            raise
        finally:
            scene.close()
            server.stop()
            shutil.rmtree(folder)

    def _begun(self) -> tuple[Path, HttpServer, Scene]:
        self._lives += 1
        folder = self._folder / str(self._lives)
        server, scene = self._scene(folder)
        for name, answers in self._part.script.items():
            server.script(name, *answers)
        for made in ("run", "ledger", "spool"):
            if (self._master / made).exists():
                shutil.copytree(self._master / made, folder / made, dirs_exist_ok=True)
        return folder, server, scene

    def _scene(self, folder: Path) -> tuple[HttpServer, Scene]:
        folder.mkdir()
        server = HttpServer()
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url, **self._part.environ}
        return server, Scene(self._part.name, folder, Books(server), environ)

    def _lived(self, scene: Scene, server: HttpServer, sidecar: subprocess.Popen[bytes]) -> int:
        return self._end(scene, server, sidecar, lambda: self._part.done(scene, server))

    @staticmethod
    def _end(scene: Scene, server: HttpServer, sidecar: subprocess.Popen[bytes], done: Callable[[], bool]) -> int:
        """Waits until it is done or has ended by itself; how it ended."""
        scene.until(lambda: sidecar.poll() is not None or (scene.introduced() and done()))
        if sidecar.poll() is None:
            sidecar.send_signal(signal.SIGTERM)
        return sidecar.wait(60)


@pytest.fixture(scope="module", params=PARTS, ids=lambda part: part.name)
def rehearsed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rehearsed:
    return Rehearsed(request.param, tmp_path_factory.mktemp(request.param.name), Tracer.found())


def _chosen(found: list[Step]) -> list[Step]:
    return found if FULL else random.Random(17).sample(found, len(found))


def test_killed_at_each_step(rehearsed: Rehearsed) -> None:
    chosen = _chosen([step for step in rehearsed.steps if step.changes])
    tried = hit = twice = over = 0
    for step in chosen:
        status, account, said = rehearsed.account(step, "KILL")
        assert account.lost == 0, f"at {step}: {account}\n{said}"
        assert account.dropped <= account.missing + rehearsed.over, f"at {step}: {account}"
        tried += 1
        hit += status == -signal.SIGKILL
        twice += account.duplicated
        over = max(over, account.dropped - account.missing)
        if hit == SAMPLE and not FULL:
            break
    print(f"\n{rehearsed.name:<20}{hit:>4} of {tried:>4} steps hit, {twice:>6} twice, at most {over} counted beyond")
    assert hit > tried // 2 if FULL else hit, "the steps are not the same each time"


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"] if FULL else ["EIO"])
def test_each_step_fails(rehearsed: Rehearsed, error: str) -> None:
    chosen = _chosen([step for step in rehearsed.steps if step.changes or error != "ENOSPC"])
    chosen = chosen if FULL else chosen[:SAMPLE]
    ended = Counter[int]()
    for step in chosen:
        status, account, said = rehearsed.account(step, error)
        assert "Traceback" not in said, f"at {step}: {said}"
        assert account.lost == 0, f"at {step}: {account}\n{said}"
        assert account.dropped <= account.missing + rehearsed.over, f"at {step}: {account}"
        ended[status] += 1
    print(f"\n{rehearsed.name:<20}{error:>8} at {len(chosen):>4} steps; ended {dict(ended)}")
    assert set(ended) <= {EXIT_OK, EXIT_FAILED, EXIT_USAGE}, "it goes on, or says at the start what is wrong"
