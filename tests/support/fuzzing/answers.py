"""What a Collector, or whatever listens in its place, may answer: made of one number, judged, the verdict checked."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from random import Random
from typing import Any, NamedTuple

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.json_format import Parse
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from requests.structures import CaseInsensitiveDict

from lifesign.export.otlp import encode, http_answer
from lifesign.export.otlp.channel import Channel
from lifesign.export.otlp.exporters import open_exporters
from lifesign.export.otlp.grpc import judge_error
from lifesign.export.otlp.http_answer import HttpAnswer
from lifesign.export.otlp.outcome import ANSWER_MAX, RETRY_AFTER_MAX, Delivered, Outcome, Refused, Retry, response
from lifesign.export.queue import offsets
from lifesign.watch.telemetry import Resource, Span
from support.fuzzing.frames import GrpcCollector
from support.otlp_server import Answer, HttpServer, partial

KINDS = ("traces", "logs", "metrics", "profiles")
TIMEOUT = 0.2  # seconds of an attempt; only where an answer is to come late
WHY_MAX = 2000  # characters, however long an answer is

_STATUSES = (
    *(200, 200, 200, 200, 201, 202, 204, 206, 299, 100, 101, 103, 199, 300, 301, 302, 304, 307, 400, 401, 403, 404),
    *(405, 407, 408, 413, 415, 418, 422, 425, 429, 431, 500, 501, 502, 503, 504, 511, 599, 600, 999, 0, -1),
)  # fmt: skip
_TYPES = (
    *("application/x-protobuf", "application/protobuf", "APPLICATION/X-PROTOBUF; v=1", "application/json", "\x00"),
    *("application/json; charset=utf-8", "application/octet-stream", "text/html", "text/html; charset=utf-8", "", ";"),
    *("application/xhtml+xml", "application/grpc", "image/png", "text/protobuf+html", "é", "a" * 5000, "text/plain"),
)  # fmt: skip
_AFTER = (
    *("0", "1", "-1", "600", "601", "1e3", "1e999", "nan", "-inf", "0x10", "1_0", " 5 ", "9" * 5000, "", "soon"),
    *("Fri, 31 Dec 99999999999 23:59:59 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", "Mon, 01 Jan 0001 00:00:00 +2359"),
    *("Fri, 31 Dec 9999 23:59:59 -2359", "Sat, 31 Feb 2026 25:61:61", "2026-11-28T00:00:00Z", "\u0663"),
)  # fmt: skip
_LENGTHS = ("0", "-1", "5", "+5", "0x5", "5, 5", "1e3", "", " 7 ", "\u0665", "9" * 400, "NaN")
_JSON = (b"[" * 50_000, b"{", b"null", b"[]", b'"x"', b"{}", b'{"a":NaN}', b"\xff", b'{"partialSuccess":3}')
_BOMB = gzip.compress(bytes(30 << 20), 1)
_NUMBERS = (0, 1, 2, 3, -1, 511, 512, 513, (1 << 31) - 1, 1 << 32, (1 << 63) - 1, -(1 << 63))
_TEXTS = ("", "no", "queue\nfull", "\x1b[2J", "\ud7ff\ue000", "x" * 70_000, "ü" * 300, "%s %d {}")


class Made(NamedTuple):
    """An answer, and what its body is without encoding; None where it cannot be decoded, or is too large."""

    kind: str
    answer: HttpAnswer
    plain: bytes | None


def answer(rng: Random) -> Made:
    kind = rng.choice(KINDS)
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    if rng.random() < 0.9:
        headers["Content-Type"] = rng.choice(_TYPES)
    if rng.random() < 0.3:
        headers["retry-after"] = rng.choice(_AFTER)
    if rng.random() < 0.1:
        headers["Content-Length"] = rng.choice(_LENGTHS)
    if rng.random() < 0.1:
        headers["Location"] = rng.choice(("", "/x", "http://u:p@h/", "http://[", "\x00", "//" + "a" * 9000))
    plain: bytes | None = _body(kind, rng)
    sent, encoding, plain = _encoded(plain, rng)
    if encoding is not None:
        headers["Content-Encoding"] = encoding
    if plain is not None and max(len(plain), len(sent)) > ANSWER_MAX:
        plain = None
    status = rng.choice(_STATUSES) if rng.random() < 0.95 else rng.randrange(1000)
    return Made(kind, HttpAnswer(status, rng.choice(_TEXTS), headers, sent[: ANSWER_MAX + 1]), plain)


def _body(kind: str, rng: Random) -> bytes:
    roll = rng.random()
    message = partial(kind, rng.choice(_NUMBERS), rng.choice(_TEXTS[:4]))
    if roll < 0.2:
        return b""
    if roll < 0.45:
        return bytes(message.SerializeToString())
    if roll < 0.6:
        return _bent(message.SerializeToString(), rng)
    if roll < 0.7:
        field = {
            "traces": "rejectedSpans",
            "logs": "rejectedLogRecords",
            "metrics": "rejectedDataPoints",
            "profiles": "rejectedProfiles",
        }[kind]
        number: Any = rng.choice((*_NUMBERS, "7", "-7", "9" * 30, 1.5, 1e300, True, None, [], {}, "x"))
        return json.dumps({"partialSuccess": {field: number, "errorMessage": rng.choice(_TEXTS)}}).encode()
    if roll < 0.75:
        return rng.choice(_JSON)
    if roll < 0.85:
        return b"<!doctype html><html><h1>Sign in</h1>" * rng.randrange(1, 30)
    if roll < 0.92:
        return bytes(Status(code=3, message=rng.choice(_TEXTS)).SerializeToString())
    return rng.randbytes(rng.randrange(200))


def _bent(content: bytes, rng: Random) -> bytes:
    """The same with some bytes changed, cut off or put in."""
    bent = bytearray(content or b"\0")
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(bent) + 1)
        roll = rng.random()
        if roll < 0.5 and at < len(bent):
            bent[at] ^= 1 << rng.randrange(8)
        elif roll < 0.75:
            bent[at:at] = rng.randbytes(rng.randrange(1, 5))
        else:
            del bent[at:]
    return bytes(bent)


def _encoded(plain: bytes, rng: Random) -> tuple[bytes, str | None, bytes | None]:
    """The body as it is sent, its encoding, and what it is without it."""
    roll = rng.random()
    if roll < 0.6:
        return plain, rng.choice((None, None, "", "identity")), plain
    if roll < 0.75:
        return gzip.compress(plain, 1), rng.choice(("gzip", "x-gzip", "GZIP")), plain
    if roll < 0.85:
        packed = zlib.compress(plain)
        return rng.choice((packed, packed[2:-4])), "deflate", plain
    if roll < 0.852:
        return _BOMB, "gzip", None
    if roll < 0.854:
        return bytes(ANSWER_MAX + 1), None, None
    if roll < 0.95 or not plain:
        return b"no" + plain, rng.choice(("br", "zstd", "gzip, gzip", "chunked", "\x00", "x" * 9000)), None
    return b"no" + plain, "gzip", None


def check(made: Made, outcome: Outcome) -> None:
    """Raises where `outcome` does not follow from what was answered."""
    status, headers = made.answer.status, made.answer.headers
    length = headers.get("Content-Length", "0").strip()
    sane = length.isascii() and length.isdigit()
    if isinstance(outcome, Retry):
        assert outcome.after is None or 0 <= outcome.after <= RETRY_AFTER_MAX
        assert outcome.why.isprintable()
        assert len(outcome.why) < WHY_MAX
        return
    assert sane, "a length that is none"
    if 200 <= status < 300:
        assert made.plain is not None
        assert "html" not in headers.get("Content-Type", "").lower()
        said = _parsed(made)
        rejected = sum(value for field, value in said.partial_success.ListFields() if isinstance(value, int))
        assert (outcome.count == rejected > 0) if isinstance(outcome, Refused) else rejected <= 0
        return
    assert isinstance(outcome, Refused), "delivered without a 2xx"
    assert outcome.count is None
    assert status in (400, 413, 415, 422)
    assert outcome.divisible == (status == 413)
    assert outcome.why.isprintable()
    assert len(outcome.why) < WHY_MAX


def _parsed(made: Made) -> Any:
    message = response(made.kind)
    assert made.plain is not None
    if "json" in made.answer.headers.get("Content-Type", "").lower():
        return Parse(made.plain or b"{}", message, ignore_unknown_fields=True)
    message.ParseFromString(made.plain)
    return message


class _Failed:
    """A call that failed, as gRPC's own class has it."""

    def __init__(self, rng: Random) -> None:
        self._code = rng.choice(list(grpc.StatusCode))
        self._details = rng.choice((*_TEXTS, None, "larger than max", "CLIENT: larger than max", "HTTP/2"))
        info = RetryInfo()
        info.retry_delay.seconds = rng.choice(_NUMBERS)
        info.retry_delay.nanos = rng.choice((0, 1, -1, (1 << 31) - 1, -(1 << 31)))
        detail = AnyMessage()
        detail.Pack(rng.choice((info, info, Status(message="x"))))
        raw = Status(details=[detail] * rng.randrange(4)).SerializeToString()
        key = rng.choice(("grpc-status-details-bin", "google.rpc.retryinfo-bin", "x"))
        self._metadata = rng.choice((None, (), ((key, raw),), ((key, _bent(raw, rng)), (key, raw))))

    def code(self) -> Any:
        return self._code

    def details(self) -> Any:
        return self._details

    def trailing_metadata(self) -> Any:
        return self._metadata


class Collectors:
    """Answers by the million: most are judged as they are, some arrive over a socket, whole, broken or late."""

    def __init__(self) -> None:
        self._server = HttpServer()
        self._exporters = open_exporters({"OTEL_EXPORTER_OTLP_ENDPOINT": self._server.url})
        of = encode.resource(Resource("x", {}))
        self._items = [encode.span(Span("x", f"{1:032x}", f"{1:016x}", "span", 1, 2), of)]
        exporter = self._exporters["traces"]
        exporter.target = exporter.target._replace(timeout=TIMEOUT)
        self._channel = Channel(exporter)
        self._grpc = GrpcCollector()

    def close(self) -> None:
        self._grpc.close()
        for exporter in self._exporters.values():
            exporter.shutdown()
        self._server.stop()

    def suffer(self, rng: Random) -> bool:
        """One input; whether it went over a socket. Raises whatever should not happen."""
        roll = rng.random()
        if roll < 0.0005:
            self._grpc.suffer(self._items, rng)
            return True
        if roll < 0.02:
            self._over_a_socket(answer(rng), rng)
            return True
        if roll < 0.1:
            outcome = judge_error(_Failed(rng))
            assert not isinstance(outcome, Delivered)
            assert isinstance(outcome, Refused) or outcome.after is None or 0 <= outcome.after <= RETRY_AFTER_MAX
        elif roll < 0.15:
            self._counts(rng)
        else:
            made = answer(rng)
            check(made, http_answer.judge(made.kind, made.answer))
        return False

    def _over_a_socket(self, made: Made, rng: Random) -> None:
        whole = _raw(made)
        raw = whole if rng.random() < 0.5 else _bent(whole, rng)
        late = rng.random() < 0.02
        self._server.script("traces", Answer(raw=raw, drip=0.01 if late else 0.0))
        outcome = asyncio.run(self._channel.attempt(self._items))
        if self._server.pending("traces"):  # it was sent into a connection that the server was about to close
            assert isinstance(outcome, Retry)
        # One that an attempt before this one sent, and did not wait for, may have had this one's answer.
        alone = len(self._server.requests) == 1
        self._server.relent()
        self._server.requests.clear()
        self._server.headers.clear()
        is_whole = "Content-Length" not in made.answer.headers  # else the body is as long as that says
        if raw == whole and is_whole and alone and not late and isinstance(outcome, Delivered):
            # HTTP has no body with a 204, whatever follows it.
            check(made._replace(kind="traces", plain=b"" if made.answer.status == 204 else made.plain), outcome)

    @staticmethod
    def _counts(rng: Random) -> None:
        lost = (rng.choice((0, 1, 7, 4096, offsets.COUNT_MAX)) for _ in range(3))
        counts = offsets.Counts(*lost, rng.randrange(1 << 40))
        counts.crc = counts.checksum()
        good = offsets.encoded(counts)
        found = offsets.decoded(_bent(good, rng))
        assert found is None or found.checksum() == counts.checksum()


def _raw(made: Made) -> bytes:
    answer = made.answer
    lines = [f"HTTP/1.1 {answer.status} {answer.reason[:100]}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    if "Content-Length" not in answer.headers:
        lines.append(f"Content-Length: {len(answer.body)}")
    head = "\r\n".join(line.replace("\r", "").replace("\n", " ") for line in lines)
    return head.encode("utf-8", "replace") + b"\r\n\r\n" + answer.body
