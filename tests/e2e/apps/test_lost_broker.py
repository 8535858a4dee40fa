"""A broker is killed while somebody consumes from it: the consumer goes on as it does without us, and is not ill."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.apps.programs import HOME
from support.backends.brokers import kafka, rabbitmq
from support.backends.collector import Collector
from support.built import built, entries
from support.illnesses.charts import Charts
from support.supervised import environment, run_line, started
from support.waiting import eventually

FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.05", "LIFESIGN_POLL_INTERVAL": "0.1", "LIFESIGN_METRIC_INTERVAL": "0.5"}


@pytest.mark.parametrize(
    ("name", "broker", "word", "variable"),
    [("rabbitmq", rabbitmq, "amqp", "AMQP_URL"), ("kafka", kafka, "kafka", "KAFKA_SERVERS")],
    ids=["aio-pika", "aiokafka"],
)
def test_no_difference_and_no_false_word(
    name: str, broker: Callable[..., Any], word: str, variable: str, collector: Collector, apps: Path, tmp_path: Path
) -> None:
    command = [str(apps / "python"), str(HOME / "consumers.py"), word]
    folder = tmp_path / name
    folder.mkdir()
    with broker(entries(built("brokers"))[name], folder) as (address, kill):
        environ = environment(**{variable: address}, **FAST, **collector.environment("http/protobuf"))
        del environ["LIFESIGN_PAGE_ADDR"]
        said = [tmp_path / "bare", tmp_path / "watched"]
        with (
            open(said[0], "wb") as one,
            open(said[1], "wb") as other,
            started(command, environ, stdout=one, stderr=subprocess.STDOUT) as bare,
            started(run_line(command), environ, stdout=other, stderr=subprocess.STDOUT) as watched,
        ):
            eventually(lambda: all(b"consuming" in file.read_bytes() for file in said), 60, 0.1)
            kill()
            time.sleep(3)  # both look for it again and again
            assert (bare.poll() is None) == (watched.poll() is None)
            for process in (bare, watched):
                process.terminate()
            status = bare.wait(60)
            assert watched.wait(60) == (128 - status if status < 0 else status)
    charts = Charts(collector.file)
    (chart,) = charts.of({"process.command": "consumers.py"})
    assert chart.events == ["lifesign.process.stopped"]
    assert [one for one in chart.episodes if one.error] == []
    assert set(chart.states) <= {"starting", "healthy", "idle", "stopped"}
