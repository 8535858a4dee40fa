"""What an answer over HTTP says became of the request. Whoever answers may be no Collector, and may mean harm."""

from __future__ import annotations

import math
import re
import time
import zlib
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any, Mapping, NamedTuple

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # it has no stubs

from lifesign.export.otlp.outcome import (
    ANSWER_MAX,
    RETRY_AFTER_MAX,
    Outcome,
    Refused,
    Retry,
    judge_response,
    one_line,
    response,
)
from lifesign.export.otlp.targets import without_secrets

_REFUSALS = (400, 415, 422)  # the same request will never be accepted
_TOO_LARGE = 413
_NO_TLS = (b"HTTP request to an HTTPS server", b"plain HTTP request was sent to HTTPS port")  # as Go and nginx say it
_HINTS = {
    401: "see OTEL_EXPORTER_OTLP_HEADERS",
    403: "see OTEL_EXPORTER_OTLP_HEADERS",
    404: "see the path of the endpoint, and whether the Collector has such a pipeline",
    405: "see the path of the endpoint",
}
_LENGTH = re.compile(r"\d+", re.ASCII)
_GZIP, _ZLIB, _DEFLATE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
# The body is OTLP, or there is none. Some receivers name no type for an empty one, some the default of their framework.
_OTLP_TYPES = ("application/x-protobuf", "application/protobuf", "application/octet-stream", "application/json", "")
_EMPTY_TYPES = (*_OTLP_TYPES, "text/plain")


class HttpAnswer(NamedTuple):
    """An answer; `body` as it came over the wire, at most `ANSWER_MAX` bytes and one."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """Without parameters, in lower case."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def judge(kind: str, answer: HttpAnswer) -> Outcome:
    """What `answer` says became of a request with telemetry of this kind."""
    length = answer.headers.get("Content-Length")
    if length is not None and not _LENGTH.fullmatch(length.strip()):
        given = one_line(length)[:40]
        return Retry(f"HTTP {answer.status} with Content-Length {given!r}: does a Collector listen there?")
    body = _decoded(answer)
    if 200 <= answer.status < 300:
        return body if isinstance(body, Retry) else _judge_body(kind, answer.content_type, body)
    why = f"HTTP {answer.status} {one_line(answer.reason)}".rstrip()
    if 300 <= answer.status < 400:
        there = one_line(without_secrets(answer.headers.get("Location", ""))) or "nowhere"
        return Retry(f"{why}: it points to {there}")
    said = b"" if isinstance(body, Retry) else body
    message = _message(answer.content_type, said)
    if answer.status == 400 and any(words in said for words in _NO_TLS):
        return Retry(f"{message or why}; write https:// in the endpoint")
    if message:
        why = f"{why}: {message}"
    if answer.status in _REFUSALS:
        # A page for people is no last word of a Collector: a proxy or a web server stands there.
        return Retry(f"{why}: does a Collector listen there?") if "html" in answer.content_type else Refused(why)
    if answer.status == _TOO_LARGE:
        return Refused(why, divisible=True)
    if answer.status in _HINTS:
        why = f"{why}; {_HINTS[answer.status]}"
    return Retry(why, retry_after(answer.headers.get("Retry-After")))


def _decoded(answer: HttpAnswer) -> bytes | Retry:
    """The body without its content encoding, within bounds."""
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    body: bytes | None = answer.body
    if encoding in ("gzip", "x-gzip"):
        body = _inflated(answer.body, _GZIP)
    elif encoding == "deflate":  # with or without the head of zlib
        body = _inflated(answer.body, _ZLIB)
        body = _inflated(answer.body, _DEFLATE) if body is None else body
    elif encoding not in ("", "identity"):
        return Retry(f"the answer is encoded as {one_line(encoding)[:40]!r}, which was not asked for")
    if body is None:
        return Retry(f"the answer is no {encoding}, as it says")
    if len(body) > ANSWER_MAX or len(answer.body) > ANSWER_MAX:
        return Retry(f"the answer is larger than {ANSWER_MAX} bytes: does a Collector listen there?")
    return body


def _inflated(body: bytes, bits: int) -> bytes | None:
    """At most one byte more than allowed; None where it is not in that format."""
    if not body:
        return body
    try:
        return zlib.decompressobj(bits).decompress(body, ANSWER_MAX + 1)
    except zlib.error:
        return None


def _judge_body(kind: str, content_type: str, body: bytes) -> Outcome:
    message = response(kind)
    strange = Retry(f"the answer is no OTLP ({one_line(content_type)[:80]}): does a Collector listen there?")
    if content_type not in (_OTLP_TYPES if body else _EMPTY_TYPES):
        return strange
    try:
        if content_type == "application/json":
            _parse_json(body or b"{}", message)
        else:
            message.ParseFromString(body)
    except (DecodeError, ValueError, RecursionError):
        return strange
    return judge_response(message)


def _parse_json(content: bytes, message: Any) -> None:
    # Some servers answer in JSON whatever they were sent; the parser costs memory that most never need.
    from google.protobuf.json_format import Parse, ParseError

    try:
        Parse(content, message, ignore_unknown_fields=True)
    except ParseError as error:
        raise ValueError(str(error)) from None


def _message(content_type: str, body: bytes) -> str:
    """What the Collector said about a failure."""
    if "protobuf" in content_type:
        try:
            return one_line(Status.FromString(body).message)
        except DecodeError:
            return ""
    if "html" in content_type:
        return ""
    return one_line(body[:300].decode("utf-8", "replace"))


def retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header, a number of them or a date; None where it says neither."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
            seconds = date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp() - time.time()
        except (ValueError, OverflowError, TypeError):  # no date, or one of the year 99999999999
            return None
    return min(max(seconds, 0.0), RETRY_AFTER_MAX) if math.isfinite(seconds) else None
