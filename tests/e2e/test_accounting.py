"""Whatever fails, a record is delivered, or waits, or is counted: the accounts of each fault.

Each row prints how many records were written, delivered, delivered twice (with the same id), counted as dropped,
and lost. `make faults` takes the long way: more kills, longer outages.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from books import Books
from collector import Collector
from scene import FULL, KILLS, OUTAGE, RATE, Scene, fill, kills, mounted, volume
from wallclock import WallClock

Stage = Callable[..., Scene]
SOME = 20_000 if FULL else 800  # records of a row that is not about their number


@pytest.fixture(scope="module")
def store(otelcol: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Collector, Books]]:
    """One Collector for all rows, and the books of what it wrote."""
    folder = tmp_path_factory.mktemp("collector")
    collector = Collector(otelcol, folder)
    collector.start()
    yield collector, Books(folder / "telemetry.jsonl")
    collector.stop()


@pytest.fixture
def collector(store: tuple[Collector, Books]) -> Iterator[Collector]:
    """That Collector; it runs again after each row."""
    yield store[0]
    store[0].stop()
    store[0].start()


@pytest.fixture
def stage(store: tuple[Collector, Books], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    made: list[Scene] = []

    def make(**environ: str) -> Scene:
        row = request.node.name.removeprefix("test_")
        scene = Scene(row, tmp_path, store[1], {**store[0].environment("http/protobuf"), **environ})
        made.append(scene)
        return scene

    yield make
    for scene in made:
        scene.close()


def test_collector_down_at_start(stage: Stage, collector: Collector) -> None:
    collector.stop()
    scene = stage()
    scene.sidecar()
    scene.main(SOME)
    scene.hears("do not reach")
    collector.start()
    account = scene.balances()
    assert (account.missing, account.delivered) == (0, SOME)


def test_collector_down_under_load(stage: Stage, collector: Collector) -> None:
    scene = stage()
    scene.sidecar()
    main = scene.main(None)
    scene.written(RATE)
    collector.stop()
    scene.hears("do not reach")
    time.sleep(OUTAGE)
    collector.start()
    scene.ends(main)
    account = scene.balances()
    assert (account.missing, account.duplicated) == (0, 0)


def test_collector_restarted(stage: Stage, collector: Collector) -> None:
    scene = stage()
    scene.sidecar()
    main = scene.main(None)
    for _ in range(10 if FULL else 3):
        time.sleep(OUTAGE / 4)
        collector.stop()
        collector.start()
    scene.ends(main)
    assert scene.balances().missing == 0


def test_sidecar_killed(stage: Stage) -> None:
    scene = stage()
    main = scene.main(None)
    kills(scene.sidecar, scene.sidecar(), KILLS)
    scene.ends(main)
    assert scene.balances().missing == 0


def test_main_killed(stage: Stage) -> None:
    scene = stage()
    scene.sidecar()
    kills(lambda: scene.main(None), scene.main(None), KILLS).kill()
    account = scene.balances()
    assert (account.missing, account.duplicated) == (0, 0)
    assert account.unread <= KILLS + 1


def test_both_killed(stage: Stage) -> None:
    scene = stage()
    chance = random.Random(23)
    main, sidecar = scene.main(None), scene.sidecar()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.1, 1.0))
        main.kill()
        time.sleep(chance.uniform(0.0, 0.3))
        sidecar.kill()
        main, sidecar = scene.main(None), scene.sidecar()
    main.kill()
    assert scene.balances().missing == 0


def test_sidecar_stopped_while_the_ring_runs_over(stage: Stage) -> None:
    scene = stage()
    scene.main_environ["LIFESIGN_RING_SIZE"] = "64KiB"
    sidecar = scene.sidecar()
    scene.hears("exporting to")
    sidecar.send_signal(signal.SIGSTOP)
    scene.main(SOME)
    scene.written(SOME)
    sidecar.send_signal(signal.SIGCONT)
    account = scene.balances()
    assert account.lost == 0
    assert 0 < account.missing == account.dropped


def test_spool_bound_reached(stage: Stage, collector: Collector) -> None:
    collector.stop()
    scene = stage(LIFESIGN_SPOOL_SIZE="128KiB")
    scene.sidecar()
    scene.main(SOME)
    scene.written(SOME)
    scene.hears("the spool is full")
    collector.start()
    account = scene.balances()
    assert account.lost == 0
    assert 0 < account.missing == account.dropped


def test_spool_volume_full(stage: Stage, collector: Collector) -> None:
    scene = stage()
    with volume(scene.spool, "256k"):
        collector.stop()
        scene.sidecar()
        scene.main(SOME * 2)
        scene.hears("cannot be written (No space left on device)")
        scene.written(SOME * 2)
        collector.start()
        account = scene.balances()
    assert account.missing == 0


def test_spool_volume_full_and_sidecar_killed(stage: Stage, collector: Collector) -> None:
    scene = stage()
    with volume(scene.spool, "256k"):
        collector.stop()
        sidecar = scene.sidecar()
        scene.main(SOME * 2)
        scene.hears("cannot be written (No space left on device)")
        scene.written(SOME * 2)
        sidecar.kill()
        scene.sidecar()
        collector.start()
        account = scene.balances()
    assert account.missing == 0


def test_spool_deleted_under_us(stage: Stage, collector: Collector) -> None:
    collector.stop()
    scene = stage()
    scene.sidecar()
    main = scene.main(None)
    scene.written(SOME // 2)
    scene.hears("do not reach")
    shutil.rmtree(scene.spool)
    scene.hears("it was deleted")
    scene.ends(main)
    collector.start()
    account = scene.balances()
    assert account.lost == 0
    assert account.missing == account.dropped


def test_run_directory_full(stage: Stage) -> None:
    scene = stage()
    with volume(scene.run, "20m"):
        scene.sidecar()
        main = scene.main(None)
        fill(scene.run / "filler")
        unwatched = scene.main(SOME)  # it finds no room for a pulse, and works all the same
        assert unwatched.wait(60) == 0
        scene.hears("cannot watch this process")
        scene.ends(main)
        account = scene.balances()
    assert account.missing == 0
    assert account.delivered > 0


def test_run_directory_read_only(stage: Stage, tmp_path: Path) -> None:
    scene = stage()
    seen = tmp_path / "seen"
    seen.mkdir()
    with mounted(["--bind", str(scene.run), str(seen)], seen):
        os.system(f"mount -o remount,bind,ro '{seen}'")
        scene.sidecar(seen)
        scene.hears("cannot be locked against a second sidecar: Read-only file system")
        scene.main(SOME)
        account = scene.balances()
    assert (account.missing, account.delivered) == (0, SOME)


def test_run_directory_deleted_under_us(stage: Stage) -> None:
    scene = stage()
    scene.sidecar()
    main = scene.main(None)
    scene.written(SOME // 4)
    time.sleep(1)
    shutil.rmtree(scene.run)
    scene.written(SOME)
    scene.ends(main)
    account = scene.balances()
    assert (account.missing, account.duplicated) == (0, 0)


def test_clock_jumps(stage: Stage, tmp_path: Path) -> None:
    clock = WallClock.made(tmp_path / "offset")
    scene = stage(**clock.environ)
    scene.main_environ.update(clock.environ)
    scene.main_environ["PYTHONPATH"] = os.pathsep.join([clock.environ["PYTHONPATH"], scene.injected])
    scene.sidecar()
    main = scene.main(None)
    for offset in (3600, -3600, 0):
        time.sleep(OUTAGE / 4)
        clock.set(offset)
    time.sleep(OUTAGE / 4)
    scene.ends(main)
    account = scene.balances()
    assert (account.missing, account.duplicated) == (0, 0)


def test_no_descriptor_left(stage: Stage, collector: Collector) -> None:
    scene = stage()
    sidecar = scene.sidecar()
    scene.main(SOME)
    scene.hears("exporting to")
    _, most = resource.prlimit(sidecar.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(sidecar.pid, resource.RLIMIT_NOFILE, (3, most))
    collector.stop()  # so that what it has open is of no use
    collector.start()
    late = scene.main(SOME)
    scene.written(2 * SOME)
    late.wait()
    resource.prlimit(sidecar.pid, resource.RLIMIT_NOFILE, (most, most))
    account = scene.balances()
    assert (account.missing, account.delivered) == (0, 2 * SOME)


def test_two_sidecars(stage: Stage) -> None:
    scene = stage()
    first = scene.sidecar()
    scene.hears("exporting to")
    scene.sidecar()
    scene.hears("another sidecar watches")
    main = scene.main(None)
    scene.written(SOME)
    assert scene.account().duplicated == 0
    first.kill()
    first.wait()
    before = scene.account().delivered
    scene.written(2 * SOME)
    scene.ends(main)
    account = scene.balances()
    assert account.missing == 0
    assert account.delivered > before, "the second took over"


def test_beats_go_on_counting_over_an_outage(stage: Stage, collector: Collector) -> None:
    scene = stage()
    scene.sidecar()
    main = scene.main(None)
    scene.written(RATE // 4)
    collector.stop()
    scene.hears("metrics do not reach")
    before = scene.beats()
    collector.start()
    scene.ends(main)
    scene.balances()
    assert scene.beats() == scene.beats_in_pulse() > before
