"""Many sidecars as a gateway sees them: what the export room makes of one, sent again and again for many.

One snapshot goes through the real instruments and the real encoder. For each sidecar and each push its bytes
are copied with another instance, time, age and count of beats, all of which have the same length. Prints one
line of JSON when it is asked to end.
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import struct
import sys
import time
import uuid
from types import FrameType

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

from lifesign.export.metrics import Metrics
from lifesign.export.readings import ExportStats
from lifesign.watch.telemetry import EventReading, PostconditionReading, Resource, Snapshot

# What stands in the template for what changes; none of it occurs by chance.
INSTANCE = str(uuid.UUID(int=0xA5 << 120 | 1))
TIME_NS, AGE, BEATS = 1_234_567_890_123_456_789, 0.012345678901, 987_654_321_987

BATCH = 100  # sidecars in one request of the past
PAST_STEP = 30  # seconds between two pushes of the past


def template() -> bytes:
    """An ``ExportMetricsServiceRequest`` of one sidecar with one healthy service."""
    resource = Resource(
        "7-abc",
        {
            "service.name": "shop",
            "service.namespace": "fleet",
            "service.instance.id": INSTANCE,
            "host.name": "node-1",
            "process.pid": 7,
            "process.command": "shop.py",
        },
    )
    snapshot = Snapshot(
        key="7-abc", pid=7, command="shop.py", service="shop", instance=INSTANCE, state="healthy", why="",
        alive=True, expected=True, uptime=3600.0, beats=BEATS, beat_age=AGE, heartbeat_timeout=3.0, tasks=40,
        loops=1, events=(EventReading("order", 1000, 0, AGE, 30.0), EventReading("tick", 1000, 0, AGE, 5.0)),
        postconditions=(PostconditionReading("database connected", True, True, ""),), checkpoints=(),
        boot="complete", boot_duration=1.5, dropped={}, new_delays=(0.001,) * 50,
    )  # fmt: skip
    metrics = Metrics((None, None), ExportStats)
    metrics.observe([snapshot], {"7-abc": resource})
    request = encode_metrics(metrics.collect().data)
    for metric in request.resource_metrics[0].scope_metrics[0].metrics:
        for point in getattr(metric, metric.WhichOneof("data")).data_points:
            point.time_unix_nano = TIME_NS
    return request.SerializeToString()


class Fleet:
    """Sidecars `first` to `first + number` of the fleet, and the bytes of each push of theirs."""

    def __init__(self, first: int, number: int) -> None:
        self._template = template()
        self._instances = [str(uuid.uuid5(uuid.NAMESPACE_OID, str(first + one))).encode() for one in range(number)]

    def push(self, one: int, at: float) -> bytes:
        """What sidecar `one` says at this wall clock second."""
        time_ns = int(at * 1e9)
        age = 0.001 + (time_ns // 1000 + one * 7919) % 99_991 / 1e6  # up to a tenth of a second
        return (
            self._template.replace(INSTANCE.encode(), self._instances[one])
            .replace(struct.pack("<Q", TIME_NS), struct.pack("<Q", time_ns))
            .replace(struct.pack("<d", AGE), struct.pack("<d", age))
            .replace(struct.pack("<q", BEATS), struct.pack("<q", int(at * 10)))
        )


class Sender:
    """One connection to whoever takes OTLP; counts what was refused, and how long answers took."""

    def __init__(self, address: str, path: str = "/v1/metrics") -> None:
        self._connection = http.client.HTTPConnection(address, timeout=300)
        self._path = path
        self.refused = 0
        self.seconds: list[float] = []

    def send(self, content: bytes) -> None:
        started = time.monotonic()
        self._connection.request("POST", self._path, content, {"Content-Type": "application/x-protobuf"})
        answer = self._connection.getresponse()
        answer.read()
        self.refused += answer.status != 200
        self.seconds.append(time.monotonic() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="host:port of the gateway's OTLP over HTTP")
    parser.add_argument("first", type=int)
    parser.add_argument("number", type=int)
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between two pushes of a sidecar")
    parser.add_argument("--past", type=float, default=0.0, help="seconds of a past that goes first, in a hurry")
    parser.add_argument("--past-to", required=True, help="host:port of the Prometheus that takes the past")
    options = parser.parse_args()
    fleet, sender = Fleet(options.first, options.number), Sender(options.address)
    archive = Sender(options.past_to, "/api/v1/otlp/v1/metrics")
    now = time.time()
    for at in range(int(now - options.past), int(now), PAST_STEP):
        for some in range(0, options.number, BATCH):
            batch = range(some, min(some + BATCH, options.number))
            archive.send(b"".join(fleet.push(one, at) for one in batch))  # requests put together are one request
    print("past sent", flush=True)
    sys.stdin.readline()

    ending = []

    def end(_number: int, _frame: FrameType | None) -> None:
        ending.append(True)

    signal.signal(signal.SIGTERM, end)
    started, pushed, latest = time.monotonic(), 0, 0.0
    while not ending:
        due = started + pushed * options.interval / options.number
        wait = due - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        latest = max(latest, -wait)
        sender.send(fleet.push(pushed % options.number, time.time()))
        pushed += 1
    pace = pushed / (time.monotonic() - started)
    figures = {"pace": pace, "refused": archive.refused + sender.refused, "behind": latest}
    print(json.dumps({**figures, "seconds": sender.seconds}), flush=True)


if __name__ == "__main__":
    main()
