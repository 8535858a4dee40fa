"""SIGTERM ends the sidecar in time whatever the Collector does, and what was not delivered waits for the next life."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.backends.collector import Collector
from support.backends.ports import free_addresses
from support.faults.books import Books
from support.faults.scene import NUMBERED, Scene
from support.otlp_server import Answer, HttpServer
from support.supervised import environment, eventually, kill, supervised

SOME = 500
FOREVER = 3600  # seconds that an attempt may take: only the sidecar's own bound ends it
BOUND = 2.0  # seconds
PATIENCE = 60.0  # seconds, on a machine that is busy


@pytest.fixture
def dead() -> str:
    """Where nobody listens."""
    return free_addresses(1)[0]


@pytest.fixture
def hanging() -> Iterator[str]:
    """Where somebody listens who takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def books(collector: Collector, tmp_path: Path) -> Books:
    return Books(tmp_path / "telemetry.jsonl")


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("trouble", ["dead", "hanging"])
def test_what_does_not_get_out_in_time_waits_for_the_next_life(
    request: pytest.FixtureRequest, tmp_path: Path, collector: Collector, books: Books, trouble: str, protocol: str
) -> None:
    troubled = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{request.getfixturevalue(trouble)}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_TIMEOUT": str(FOREVER),
        "LIFESIGN_SHUTDOWN_TIMEOUT": str(BOUND),
    }
    scene = Scene("exit", tmp_path, books, troubled)
    try:
        sidecar = scene.sidecar()
        scene.main(SOME).wait(PATIENCE)
        scene.spooled(SOME)
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(PATIENCE) == 0
        assert scene.account().delivered == 0

        scene.environ.update(collector.environment(protocol))
        scene.sidecar()
        account = scene.balances()
    finally:
        scene.close()
    assert (account.missing, account.delivered) == (0, SOME)
    assert not list(scene.spool.glob("*/0*.jsonl")), "nothing is left"


def test_a_sidecar_that_fell_is_back_for_the_end(tmp_path: Path, collector: Collector, books: Books) -> None:
    ledger = tmp_path / "ledger"
    ledger.mkdir()
    command = [sys.executable, str(NUMBERED), str(ledger), "only", "1000"]
    env = environment(**collector.environment("http/protobuf"), OTEL_SERVICE_NAME="back", LIFESIGN_RING_SIZE="16MiB")

    def noted() -> int:
        return int((ledger / "only").read_text())

    with supervised(command, env=env, stderr=subprocess.DEVNULL) as service:
        service.line_with("ready")
        sidecar = service.sidecar()
        eventually(lambda: books.account("back", ledger).delivered)
        kill(sidecar)
        before = noted()
        eventually(lambda: noted() > before + 50)
        service.process.send_signal(signal.SIGINT)
        service.process.wait(PATIENCE)
    account = books.account("back", ledger)
    assert (account.missing, account.written) == (0, noted())


def test_a_collector_that_answers_late_still_gets_what_it_has_time_for(tmp_path: Path) -> None:
    server = HttpServer()
    scene = Scene("late", tmp_path, Books(server), {"OTEL_EXPORTER_OTLP_ENDPOINT": server.url})
    scene.environ["LIFESIGN_SHUTDOWN_TIMEOUT"] = str(PATIENCE)
    try:
        server.script("traces", *[Answer(delay=0.2)] * 100)
        sidecar = scene.sidecar()
        scene.main(SOME, rate=SOME).wait(PATIENCE)
        scene.until(lambda: server.pending("traces") < 100)  # it has begun
        sidecar.send_signal(signal.SIGTERM)
        assert sidecar.wait(PATIENCE) == 0
        account = scene.account()
    finally:
        scene.close()
        server.stop()
    assert (account.missing, account.duplicated) == (0, 0)


def test_a_sidecar_that_waits_for_another_ends_at_once(tmp_path: Path, dead: str) -> None:
    scene = Scene("waits", tmp_path, Books(tmp_path / "none"), {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{dead}"})
    try:
        first = scene.sidecar()
        scene.exports()
        second = scene.sidecar()
        scene.hears(f"another sidecar watches {scene.run}: waiting until it ends")
        assert not scene.locked_by(second.pid)
        second.send_signal(signal.SIGTERM)
        assert second.wait(PATIENCE) == 0
        assert first.poll() is None
        assert scene.locked_by(first.pid)
    finally:
        scene.close()


def test_looking_is_not_watching(tmp_path: Path, dead: str, cli: object) -> None:
    scene = Scene("looks", tmp_path, Books(tmp_path / "none"), {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{dead}"})
    try:
        sidecar = scene.sidecar()
        scene.exports()
        scene.main(None)
        for command in (("status",), ("status", "--json"), ("dump",)):
            assert cli(*command, "--dir", str(scene.run)).code == 0  # type: ignore[operator]
        assert scene.locked_by(sidecar.pid), "the lock is still the sidecar's"
        assert os.path.exists(scene.run / "sidecar.lock")
    finally:
        scene.close()


def test_what_the_sidecar_of_run_could_not_tell_in_time_is_kept_for_the_next_one(
    tmp_path: Path, collector: Collector, books: Books
) -> None:
    scene = Scene("unread", tmp_path, books, collector.environment("http/protobuf"))
    environ = environment(
        LIFESIGN_SPOOL_DIR=str(scene.spool),
        LIFESIGN_SHUTDOWN_TIMEOUT="0.1",
        OTEL_SERVICE_NAME="unread",
        **scene.environ,
    )
    command = [sys.executable, str(NUMBERED), str(scene.ledger), "unread-0", "400"]
    with open(scene.said, "wb") as said, supervised(command, env=environ, stderr=said) as service:
        assert service.line() == "ready"
        os.kill(service.sidecar(), signal.SIGSTOP)  # it is killed when it does not end
        eventually(lambda: int((scene.ledger / "unread-0").read_text() or 0) > SOME)
        os.kill(service.pid, signal.SIGTERM)
        assert service.end() == 128 + signal.SIGTERM
    found = re.search(r"lifesign watch --dir (\S+) exports the rest", scene.said.read_text())
    assert found is not None, scene.said.read_text()
    try:
        scene.sidecar(Path(found[1]))
        account = scene.balances()
    finally:
        shutil.rmtree(found[1])
    assert account.missing == 0
    assert account.delivered > SOME
