"""The whole stack on one machine, without containers: ``make stack``.

Jaeger, Alertmanager, Prometheus, the Collector with ``gateway.yaml``, and the sample service of
``lifesign demo`` with its sidecar, as child processes. It runs until Ctrl-C, q in the demo, SIGTERM, or the
end of one of them, then stops them all. Their data is in a temporary directory.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from servers import Server, StackError, end

CONFIGS = Path(__file__).resolve().parent
PORTS = {
    "page": 7317,
    "jaeger": 16686,
    "jaeger query": 16685,
    "jaeger otlp": 14317,
    "jaeger otlp http": 14318,
    "jaeger health": 14133,
    "alertmanager": 9093,
    "prometheus": 9090,
    "otlp": 4317,
    "otlp http": 4318,
    "collector health": 13133,
    "collector metrics": 8888,
}


def addresses(free: bool) -> dict[str, str]:
    """Where each part listens: the usual ports of loopback, or free ones."""
    with contextlib.ExitStack() as held:
        found = {}
        for name, port in PORTS.items():
            try:
                listener = held.enter_context(socket.create_server(("127.0.0.1", 0 if free else port)))
            except OSError as error:
                raise StackError(
                    f"127.0.0.1:{port} ({name}) cannot be had: {error.strerror}\n"
                    "try: end what listens there, or use free ports: make stack ARGS=--free-ports"
                ) from None
            found[name] = f"127.0.0.1:{listener.getsockname()[1]}"
        return found


def servers(args: argparse.Namespace, at: dict[str, str], folder: Path) -> Iterator[Server]:
    """Starts one after the other, each once it is asked for."""
    yield Server(
        "Jaeger",
        [args.jaeger, f"--config={CONFIGS / 'jaeger.yaml'}"],
        f"{at['jaeger']}/api/services",
        folder,
        {
            "LIFESIGN_JAEGER_UI": at["jaeger"],
            "LIFESIGN_JAEGER_QUERY_GRPC": at["jaeger query"],
            "LIFESIGN_JAEGER_GRPC": at["jaeger otlp"],
            "LIFESIGN_JAEGER_HTTP": at["jaeger otlp http"],
            "LIFESIGN_JAEGER_HEALTH": at["jaeger health"],
        },
    )
    yield Server(
        "Alertmanager",
        [
            str(Path(args.alertmanager) / "alertmanager"),
            f"--config.file={CONFIGS / 'alertmanager.yaml'}",
            f"--storage.path={folder / 'alertmanager'}",
            f"--web.listen-address={at['alertmanager']}",
            "--cluster.listen-address=",  # there is only one
        ],
        f"{at['alertmanager']}/-/ready",
        folder,
        {},
    )
    # Beside its config lie the files that this names; those with addresses are of this stack.
    for name in ("prometheus.yaml", "alerts.yaml"):
        shutil.copy(CONFIGS / name, folder)
    for name, address in {"targets": "collector metrics", "alertmanagers": "alertmanager"}.items():
        (folder / f"{name}.yaml").write_text(f'- targets: ["{at[address]}"]\n')
    yield Server(
        "Prometheus",
        [
            str(Path(args.prometheus) / "prometheus"),
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address={at['prometheus']}",
            "--enable-feature=exemplar-storage",
            "--web.enable-otlp-receiver",
        ],
        f"{at['prometheus']}/-/ready",
        folder,
        {},
    )
    metrics = f"http://{at['prometheus']}/api/v1/otlp"
    yield Server(
        "Collector",
        [args.otelcol, *(f"--config={CONFIGS / name}" for name in ("gateway.yaml", "gateway-files.yaml"))],
        f"{at['collector health']}/",
        folder,
        {
            "LIFESIGN_COLLECTOR_GRPC": at["otlp"],
            "LIFESIGN_COLLECTOR_HTTP": at["otlp http"],
            "LIFESIGN_COLLECTOR_HEALTH": at["collector health"],
            "LIFESIGN_COLLECTOR_METRICS_PORT": at["collector metrics"].rpartition(":")[2],
            "LIFESIGN_COLLECTOR_STORAGE": str(folder / "queue"),
            "LIFESIGN_JAEGER": args.traces_to or at["jaeger otlp"],
            "LIFESIGN_JAEGER_SYNTHETIC": args.traces_to or at["jaeger otlp"],
            "LIFESIGN_PROMETHEUS": metrics,
            "LIFESIGN_PROMETHEUS_SYNTHETIC": metrics,
            "LIFESIGN_LOGS_FILE": str(folder / "logs.jsonl"),
            "LIFESIGN_LOGS_SYNTHETIC_FILE": str(folder / "logs-synthetic.jsonl"),
        },
    )


def say(text: str) -> None:
    sys.stderr.write(f"stack: {text}\n")
    sys.stderr.flush()


def run(args: argparse.Namespace, folder: Path) -> int:
    """Returns the exit status of the demo."""
    at = addresses(args.free_ports)
    running: list[Server] = []
    demo: subprocess.Popen[bytes] | None = None
    try:
        for server in servers(args, at, folder):
            running.append(server)
            say(f"starting {server.name}")
            server.wait_until_up()
        jaeger, prometheus = f"http://{at['jaeger']}", f"http://{at['prometheus']}"
        say(f"page     http://{at['page']}/  (lifesign's own, for a browser)")
        if args.traces_to:
            say(f"traces   at {args.traces_to}, as you asked")
        else:
            say(f"traces   {jaeger}/api/traces?service=lifesign-demo  (Jaeger, JSON)")
        say(f"metrics  {prometheus}/api/v1/query?query=lifesign_heartbeat_age_seconds  (Prometheus, JSON)")
        say(f"alerts   http://{at['alertmanager']}/api/v2/alerts  (Alertmanager, JSON)")
        say(f"logs     {folder / 'logs.jsonl'}")
        say(f"OTLP     http://{at['otlp http']}  for services of your own")
        say("Jaeger and Prometheus answer in JSON: built from source, they have no web pages. For those:")
        say(f"  Grafana: data sources Jaeger {jaeger} and Prometheus {prometheus}, then import")
        say(f"    {CONFIGS / 'grafana' / 'dashboard.json'}")
        say("  a Jaeger with its page: make stack ARGS=--traces-to=HOST:4317, where its OTLP port for gRPC is")
        say("Ctrl-C ends it all")
        # It shares our terminal: its letters are typed there, and Ctrl-C reaches it too.
        demo = subprocess.Popen(
            [sys.executable, "-m", "lifesign", "demo"],
            env={
                **os.environ,
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{at['otlp http']}",
                "LIFESIGN_PAGE_ADDR": at["page"],
                "LIFESIGN_SPOOL_DIR": str(folder / "spool"),
            },
        )
        while demo.poll() is None:
            for server in running:
                server.check()
            time.sleep(0.2)
        return demo.returncode
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
        if demo is not None:  # it heard it too
            with contextlib.suppress(subprocess.TimeoutExpired):
                demo.wait(5)
        return 0
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # the end is under way
        if demo is not None:
            end(demo)  # first, so that its last words get through
        for server in reversed(running):
            server.end()
        say("all ended")


def leave(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="stack.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--otelcol", required=True, metavar="FILE", help="the Collector")
    parser.add_argument("--jaeger", required=True, metavar="FILE", help="Jaeger")
    parser.add_argument("--prometheus", required=True, metavar="DIR", help="where `prometheus` is")
    parser.add_argument("--alertmanager", required=True, metavar="DIR", help="where `alertmanager` is")
    parser.add_argument("--traces-to", metavar="HOST:PORT", help="OTLP/gRPC of a Jaeger of yours, to have traces there")
    parser.add_argument("--free-ports", action="store_true", help="any free ports instead of the usual ones")
    args = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    with tempfile.TemporaryDirectory(prefix="lifesign-stack-") as folder:
        try:
            return run(args, Path(folder))
        except StackError as error:
            say(str(error))
            return 1


if __name__ == "__main__":
    sys.exit(main())
