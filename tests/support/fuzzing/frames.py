"""What may come back over gRPC, frame by frame: in order, out of order, bent, cut off."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any, Iterable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from lifesign.export.otlp.channel import Channel
from lifesign.export.otlp.exporters import open_exporters
from lifesign.export.otlp.outcome import Delivered, Outcome, Refused, Retry
from support.backends.frame_server import RST_STREAM, FrameServer, frame, goaway, headers, message
from support.otlp_server import partial

TIMEOUT = 0.3  # seconds of an attempt; an answer that is cut off takes all of it

_TYPES = (
    "application/grpc",
    "application/grpc",
    "application/grpc+proto",
    "application/grpc-web",
    "text/html",
    "",
    "x" * 99,
)
_STATUSES = ("0", "0", "0", "1", "3", "8", "14", "16", "99", "-1", "", "x", "4294967296")
_TEXTS = ("", "no", "larger%20than%20max", "%ff%00", "x" * 5000)


class GrpcCollector:
    """A server whose next answer is made of a number."""

    def __init__(self) -> None:
        self._answers: list[Any] = []
        self._server = FrameServer(answers=self._answers)
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": self._server.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
        self._exporters = open_exporters(environ)
        exporter = self._exporters["traces"]
        exporter.target = exporter.target._replace(timeout=TIMEOUT)
        self._channel = Channel(exporter)

    def close(self) -> None:
        for exporter in self._exporters.values():
            exporter.shutdown()
        self._server.stop()

    def suffer(self, items: Any, rng: Random) -> None:
        """One answer. Raises where the verdict does not follow from it."""
        response = rng.choice((ExportTraceServiceResponse(), partial("traces", rng.choice((0, 1, 1 << 40)), "no")))
        status, is_whole = rng.choice(_STATUSES), rng.random() < 0.4

        def pieces(stream: int) -> list[bytes]:
            begin = headers(stream, (":status", "200"), ("content-type", "application/grpc"))
            end = headers(stream, ("grpc-status", status), ("grpc-message", rng.choice(_TEXTS)), end=True)
            return [begin, message(stream, response.SerializeToString()), end]

        self._answers[:] = [pieces if is_whole else lambda stream: _bent(pieces(stream), stream, rng)]
        outcome = asyncio.run(self._channel.attempt(items))
        if is_whole and not self._answers:
            _check(outcome, status, response.partial_success.rejected_spans)


def _check(outcome: Outcome, status: str, rejected: int) -> None:
    if isinstance(outcome, Delivered):
        assert status == "0"
        assert not rejected
    if isinstance(outcome, Refused):
        assert rejected or status in ("3", "8")
    if status == "0":
        assert isinstance(outcome, Refused if rejected else Delivered) or outcome == Retry("no answer in time")


def _bent(pieces: list[bytes], stream: int, rng: Random) -> Iterable[bytes]:
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(pieces) + 1)
        roll = rng.random()
        if roll < 0.3 and at < len(pieces):
            piece = bytearray(pieces[at])
            piece[rng.randrange(len(piece))] ^= 1 << rng.randrange(8)
            pieces[at] = bytes(piece)
        elif roll < 0.4 and at < len(pieces):
            pieces[at] = pieces[at][: rng.randrange(len(pieces[at]))]
        elif roll < 0.55:
            pieces.insert(
                at, headers(stream, (":status", str(rng.randrange(1000))), ("content-type", rng.choice(_TYPES)))
            )
        elif roll < 0.65:
            pieces.insert(at, goaway(rng.randrange(13), rng.choice((0, stream, (1 << 31) - 1))))
        elif roll < 0.75:
            pieces.insert(at, frame(RST_STREAM, 0, stream, rng.randrange(14).to_bytes(4, "big")))
        elif roll < 0.85:
            pieces.insert(at, frame(rng.randrange(12), rng.randrange(256), rng.choice((0, stream)), rng.randbytes(9)))
        elif roll < 0.95:
            pieces.insert(at, message(stream, rng.randbytes(rng.randrange(50)), compressed=rng.random() < 0.5))
        elif pieces:
            rng.shuffle(pieces)
    return pieces
