"""The accounts of places that fail: disks that are full, gone or read-only, no descriptors, a clock that jumps."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
from pathlib import Path

from support.backends.collector import Collector
from support.faults.scene import OUTAGE, SOME, Stage, fill, mounted, volume
from support.faults.wallclock import WallClock

FEW = 1600  # records that memory can hold while the disk takes none


def test_spool_bound_reached(stage: Stage, outage: Collector) -> None:
    outage.stop()
    scene = stage(LIFESIGN_SPOOL_SIZE="128KiB")
    scene.sidecar()
    scene.main(SOME)
    scene.written(SOME)
    scene.hears("the spool is full")
    outage.start()
    account = scene.balances()
    assert account.lost == 0
    assert 0 < account.missing <= account.dropped <= account.missing + 10, "the spans of the boot were dropped too"


def test_spool_volume_full(stage: Stage, outage: Collector) -> None:
    scene = stage()
    with volume(scene.spool, "256k"):
        outage.stop()
        scene.sidecar()
        scene.main(FEW)
        scene.hears("cannot be written (No space left on device)")
        scene.written(FEW)
        outage.start()
        account = scene.balances()
    assert account.missing == 0


def test_spool_volume_full_and_sidecar_killed(stage: Stage, outage: Collector) -> None:
    scene = stage()
    with volume(scene.spool, "256k"):
        outage.stop()
        sidecar = scene.sidecar()
        scene.main(FEW)
        scene.hears("cannot be written (No space left on device)")
        scene.written(FEW)
        sidecar.kill()
        scene.sidecar()
        outage.start()
        account = scene.balances()
    assert account.missing == 0


def test_spool_deleted_under_us(stage: Stage, outage: Collector) -> None:
    outage.stop()
    scene = stage()
    scene.sidecar()
    main = scene.main(None)
    scene.written(SOME // 2)
    scene.hears("do not reach")
    shutil.rmtree(scene.spool)
    scene.hears("it was deleted")
    scene.ends(main)
    outage.start()
    account = scene.balances()
    assert account.lost == 0
    assert account.missing == account.dropped


def test_run_directory_full(stage: Stage) -> None:
    scene = stage()
    with volume(scene.run, "20m"):
        scene.sidecar()
        main = scene.main(None)
        fill(scene.run / "filler")
        unwatched = scene.main(SOME)  # it finds no room for a pulse, and works all the same, without a word
        assert unwatched.wait(60) == 0
        scene.ends(main)
        account = scene.balances()
    assert account.missing == 0
    assert account.delivered > 0


def test_run_directory_read_only(stage: Stage, tmp_path: Path) -> None:
    scene = stage()
    seen = tmp_path / "seen"
    seen.mkdir()
    with mounted(["--bind", str(scene.run), str(seen)], seen):
        subprocess.run(["mount", "-o", "remount,bind,ro", str(seen)], check=True)
        scene.sidecar(seen)
        scene.hears("cannot be locked against a second sidecar: Read-only file system")
        scene.main(SOME)
        account = scene.balances()
    assert (account.missing, account.delivered) == (0, SOME)


def test_run_directory_deleted_under_us(stage: Stage) -> None:
    scene = stage()
    scene.sidecar()
    main = scene.main(None)
    scene.until(lambda: scene.account().delivered > 0)  # so the sidecar has it open
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


def test_no_descriptor_left(stage: Stage, outage: Collector) -> None:
    scene = stage()
    sidecar = scene.sidecar()
    scene.main(FEW // 2)
    scene.exports()
    _, most = resource.prlimit(sidecar.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(sidecar.pid, resource.RLIMIT_NOFILE, (3, most))
    outage.stop()  # so that what it has open is of no use
    outage.start()
    late = scene.main(FEW // 2)
    scene.written(FEW)
    late.wait()
    resource.prlimit(sidecar.pid, resource.RLIMIT_NOFILE, (most, most))
    account = scene.balances()
    assert (account.missing, account.delivered) == (0, FEW)
