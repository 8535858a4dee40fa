"""What a server of gRPC says at its end does not end the sidecar."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable

import grpc
import pytest

from support.backends.frame_server import FrameServer, goaway, headers, message

ENDING = """
import asyncio, sys
from lifesign.export.otlp import encode
from lifesign.export.otlp.channel import Channel
from lifesign.export.otlp.exporters import open_exporters
from lifesign.watch.telemetry import Resource, Span
environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": sys.argv[1], "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
span = encode.span(Span("r", f"{1:032x}", f"{1:016x}", "span", 1, 2), encode.resource(Resource("r", {})))
channel = Channel(open_exporters(environ)["traces"])
print(*(type(asyncio.run(channel.attempt([span]))).__name__ for _ in range(3)))
"""


def good(stream: int) -> Iterable[bytes]:
    yield headers(stream, (":status", "200"), ("content-type", "application/grpc"))
    yield message(stream, b"")
    yield headers(stream, ("grpc-status", "0"), end=True)


@pytest.mark.skipif(grpc.__version__.startswith(("1.84.", "1.85.")), reason="a grpcio that pyproject.toml leaves out")
def test_no_goaway_ends_the_process() -> None:
    # HTTP_1_1_REQUIRED, and what Apache's httpd sends at a timeout: some versions of gRPC abort the process at these.
    server = FrameServer([lambda stream: [goaway(13)], lambda stream: [goaway(70007)], good, good, good])
    ran = subprocess.run([sys.executable, "-c", ENDING, server.url], capture_output=True, text=True, timeout=30)
    server.stop()
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split()[-1] == "Delivered"
    assert ran.stderr == "", "what fails is said by us"
