"""RabbitMQ and Apache Kafka, each a real one with nothing in it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from support.backends.ports import free_port
from support.supervised import MARK, environment, environment_of, kill_marked, started
from support.waiting import eventually

PATIENCE = 120.0  # on a busy machine RabbitMQ takes half a minute
CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg"


@contextlib.contextmanager
def rabbitmq(program: str, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Gives its URL, and what kills it; `program` is the one of Debian's package, which may be for another user."""
    port = free_port()
    environ = environment(
        HOME=str(folder),  # of its cookie
        ERL_EPMD_PORT=str(free_port()),
        RABBITMQ_NODENAME=f"lifesign{port}@localhost",
        RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
        RABBITMQ_NODE_PORT=str(port),
        RABBITMQ_DIST_PORT=str(free_port()),
        RABBITMQ_MNESIA_BASE=str(folder / "data"),
        RABBITMQ_LOG_BASE=str(folder / "log"),
        RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "plugins"),
        RABBITMQ_PID_FILE=str(folder / "pid"),
        RABBITMQ_CONF_ENV_FILE=os.devnull,
        RABBITMQ_CONFIG_FILE=str(folder / "none"),
    )
    script = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # the one on the PATH becomes the user `rabbitmq`
    with _running([str(script) if script.exists() else program], environ, folder, port) as kill:
        yield f"amqp://guest:guest@127.0.0.1:{port}/", kill


@contextlib.contextmanager
def kafka(jars: str, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Gives its address, and what kills it."""
    port, controller = free_port(), free_port()
    config = folder / "server.properties"
    config.write_text(
        f"""
        process.roles=broker,controller
        node.id=1
        controller.quorum.voters=1@127.0.0.1:{controller}
        listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
        advertised.listeners=PLAINTEXT://127.0.0.1:{port}
        controller.listener.names=CONTROLLER
        log.dirs={folder / "data"}
        offsets.topic.replication.factor=1
        offsets.topic.num.partitions=1
        transaction.state.log.replication.factor=1
        transaction.state.log.min.isr=1
        group.initial.rebalance.delay.ms=0
        """
    )
    java = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*"]
    subprocess.run(
        [*java, "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", config], check=True, capture_output=True
    )
    with _running([*java, "kafka.Kafka", str(config)], environment(), folder, port) as kill:
        yield f"127.0.0.1:{port}", kill


@contextlib.contextmanager
def _running(command: list[str], environ: dict[str, str], folder: Path, port: int) -> Iterator[Callable[[], object]]:
    with (
        open(folder / "said", "wb") as said,
        started(command, environ, cwd=folder, stdout=said, stderr=subprocess.STDOUT) as process,
    ):
        eventually(lambda: _listens(port), PATIENCE, 0.1)
        yield lambda: kill_marked(environment_of(process.pid)[MARK], set())


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False
