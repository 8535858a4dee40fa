"""The accounts of a disk that is slow or stands still, under the spool and under the run directory.

Whatever it does, beats and metrics go on and the sidecar is alive to a kubelet; the main process is not held up.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.backends.collector import Collector
from support.backends.ports import free_addresses
from support.faults.scene import FULL, KILLS, OUTAGE, PATIENCE, RATE, SOME, Scene, Stage, kills
from support.faults.slowdisk import SlowDisk, slow_disk

SLOW = 0.1  # seconds a call
LIMIT = 5  # seconds that the sidecar may go without a poll, to be alive
STILLNESS = 20.0 if FULL else LIMIT + 1.0  # seconds


class Alive:
    """Asks for the sidecar's health all the time, as a kubelet does.

    Args:
        scene: whose sidecar has its health endpoints at LIFESIGN_HEALTH_ADDR.
    """

    def __init__(self, scene: Scene) -> None:
        self._url = f"http://{scene.environ['LIFESIGN_HEALTH_ADDR']}"
        self.failures: list[str] = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self.over.wait(0.2):
            try:
                status, said = self.ask("/livez")
            except OSError as error:
                status, said = 0, str(error)
            if status != 200:
                self.failures.append(said)

    def ask(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"{self._url}{path}?verbose", timeout=LIMIT) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    @classmethod
    @contextmanager
    def throughout(cls, scene: Scene) -> Iterator[Alive]:
        """Within, the sidecar lives and beats arrive."""
        alive = cls(scene)
        alive.thread.start()
        before = scene.beats()
        try:
            yield alive
            scene.until(lambda: scene.beats() > before)
        finally:
            alive.over.set()
            alive.thread.join()
        assert alive.failures == []


@pytest.fixture
def healthy(stage: Stage) -> Scene:
    """A scene whose sidecar has health endpoints."""
    return stage(LIFESIGN_HEALTH_ADDR=free_addresses(1)[0])


@pytest.fixture
def spool(healthy: Scene, tmp_path: Path) -> Iterator[SlowDisk]:
    """The disk under the spool of that scene."""
    with slow_disk(healthy.spool, tmp_path / "behind") as disk:
        yield disk
        healthy.close()


def working(scene: Scene) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
    """A sidecar at work, and a main process without an end."""
    sidecar = scene.sidecar()
    scene.exports()
    main = scene.main(None)
    scene.until(lambda: scene.account().delivered > 0)
    return sidecar, main


def test_spool_on_a_slow_disk(healthy: Scene, spool: SlowDisk) -> None:
    _, main = working(healthy)
    spool.takes(SLOW)
    with Alive.throughout(healthy):
        time.sleep(OUTAGE)
    healthy.ends(main)
    account = healthy.balances()
    assert (account.missing, account.duplicated) == (0, 0)


def test_spool_on_a_slow_disk_and_collector_down(healthy: Scene, spool: SlowDisk, outage: Collector) -> None:
    _, main = working(healthy)
    spool.takes(SLOW)
    outage.stop()
    healthy.hears("do not reach")
    time.sleep(OUTAGE)
    outage.start()
    healthy.ends(main)
    account = healthy.balances()
    assert (account.missing, account.duplicated) == (0, 0)


def test_spool_on_a_slow_disk_and_sidecar_killed(healthy: Scene, spool: SlowDisk) -> None:
    spool.takes(SLOW)
    main = healthy.main(None)
    kills(healthy.sidecar, healthy.exports, max(2, KILLS // 5))
    healthy.ends(main)
    account = healthy.balances()
    assert account.missing == 0 or (FULL and not account.lost), "the ring holds a minute's records, and kills go on"


def test_spool_on_a_disk_that_stands_still(healthy: Scene, spool: SlowDisk) -> None:
    _, main = working(healthy)
    spool.stands_still()
    with Alive.throughout(healthy) as alive:
        healthy.until(lambda: "the spool's disk has not answered" in alive.ask("/readyz")[1])
        time.sleep(STILLNESS - LIMIT)
    healthy.hears("records wait in memory")
    spool.takes(0)
    healthy.hears("the spool's disk answers again")
    healthy.ends(main)
    account = healthy.balances()
    assert (account.missing, account.duplicated) == (0, 0)


def test_sidecar_started_and_stopped_while_the_disk_stands_still(healthy: Scene, spool: SlowDisk) -> None:
    sidecar, main = working(healthy)
    spool.stands_still()
    healthy.written(healthy.account().written + RATE)
    second = healthy.sidecar()
    healthy.hears("another sidecar watches")
    ended = []
    for process in (sidecar, second):  # the second comes no further than to its spool
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        ended.append(time.monotonic() - began)
    print(f"\nended after {ended[0]:.1f} s at work, {ended[1]:.1f} s at its start", flush=True)
    spool.takes(0)
    healthy.sidecar()
    healthy.ends(main)
    assert healthy.balances().missing == 0


def test_run_directory_on_a_slow_disk(healthy: Scene, tmp_path: Path) -> None:
    with slow_disk(healthy.run, tmp_path / "behind") as disk:
        healthy.sidecar()
        healthy.exports()
        disk.takes(SLOW)
        main = healthy.main(None)
        with Alive.throughout(healthy):
            time.sleep(OUTAGE)
        healthy.ends(main)
        account = healthy.balances()
        healthy.close()
    assert (account.missing, account.duplicated) == (0, 0)
    assert account.delivered > SOME // 2
