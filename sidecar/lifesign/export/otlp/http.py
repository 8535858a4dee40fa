"""OTLP over HTTP: the exporters of OpenTelemetry with a session that reads the answers.

By themselves they take any status below 400 for success, never look at ``partial_success``, and try
again inside for ten seconds.
"""

from __future__ import annotations

import math
import os
import ssl
import time
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # it has no stubs
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from lifesign.export.otlp import tls
from lifesign.export.otlp.outcome import (
    NOT_SENT,
    RESPONSES,
    RETRY_AFTER_MAX,
    Delivered,
    Outcome,
    Refused,
    Retry,
    judge_response,
    one_line,
)
from lifesign.export.otlp.targets import Target, without_secrets

_EXPORTERS = {"traces": OTLPSpanExporter, "logs": OTLPLogExporter, "metrics": OTLPMetricExporter}
_REFUSALS = (400, 415, 422)  # the same request will never be accepted
_TOO_LARGE = 413
_NO_TLS = "HTTP request to an HTTPS server"  # as servers written in Go say it
_HINTS = {
    401: "see OTEL_EXPORTER_OTLP_HEADERS",
    403: "see OTEL_EXPORTER_OTLP_HEADERS",
    404: "see the path of the endpoint, and whether the Collector has such a pipeline",
    405: "see the path of the endpoint",
}


class HttpExporter:
    """See `otlp.Exporter`."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._session = ReadingSession(target.kind)
        self._files = tls.Watched(tls.files(target.kind, os.environ))
        self._exporter = _EXPORTERS[target.kind](endpoint=target.url, session=self._session)

    def export(self, items: Any) -> Outcome:
        problem = self._files.problem() if self.target.is_secure else None
        if problem is not None:
            return Retry(problem)
        self._session.outcome = None
        self._exporter.export(items)
        outcome = self._session.outcome or NOT_SENT
        return tls.explain(outcome) if self.target.is_secure else outcome

    def preferences(self) -> tuple[Any, Any]:
        exporter: Any = self._exporter
        # Private, but it is how the SDK's own metric readers ask an exporter.
        return exporter._preferred_temporality, exporter._preferred_aggregation

    def shutdown(self) -> None:
        self._exporter.shutdown()


class NotDeliveredError(Exception):
    """Tells an exporter that its request failed; no connection error, so that it does not try again inside."""


class ReadingSession(requests.Session):
    """A session that keeps what became of its newest request in `outcome`."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind
        self.outcome: Outcome | None = None

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        if isinstance(self.verify, str):
            # Said for each request: REQUESTS_CA_BUNDLE in the environment goes before what a session was told.
            kwargs["verify"] = self.verify
        try:
            response = super().request(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is, there was no answer
            self.outcome = Retry(_reason(error))
            # Without the cause: some requests errors quote header values.
            raise NotDeliveredError from None
        self.outcome = self._judge(response)
        if isinstance(self.outcome, Delivered):
            return response
        raise NotDeliveredError

    def _judge(self, response: requests.Response) -> Outcome:
        status = response.status_code
        if 200 <= status < 300:
            return self._judge_body(response)
        why = f"HTTP {status} {one_line(response.reason or '')}".rstrip()
        if 300 <= status < 400:
            there = one_line(without_secrets(response.headers.get("Location", ""))) or "nowhere"
            return Retry(f"{why}: it points to {there}")
        said = _message(response)
        if said:
            why = f"{why}: {said}"
        if status == 400 and _NO_TLS in said:
            return Retry(f"{said}; write https:// in the endpoint")
        if status in _REFUSALS:
            return Refused(why)
        if status == _TOO_LARGE:
            return Refused(why, divisible=True)
        if status in _HINTS:
            why = f"{why}; {_HINTS[status]}"
        return Retry(why, _retry_after(response.headers.get("Retry-After")))

    def _judge_body(self, response: requests.Response) -> Outcome:
        message = RESPONSES[self._kind]()
        content_type = response.headers.get("Content-Type", "")
        try:
            if "json" in content_type:
                _parse_json(response.content, message)
            else:
                message.ParseFromString(response.content)
        except (DecodeError, ValueError):
            return Retry(f"the answer is no OTLP ({one_line(content_type)}): does a Collector listen there?")
        return judge_response(message)


def _parse_json(content: bytes, message: Any) -> None:
    # Some servers answer in JSON whatever they were sent; the parser costs memory that most never need.
    from google.protobuf.json_format import Parse, ParseError

    try:
        Parse(content, message, ignore_unknown_fields=True)
    except ParseError as error:
        raise ValueError(str(error)) from None


def _reason(error: Exception) -> str:
    """Why there was no answer, without the texts of `requests`, which may quote headers."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            said = getattr(cause, "verify_message", "") or (cause.reason or "").replace("_", " ").lower()
            return f"TLS: {one_line(said or str(cause.args[-1]))}"
        # urllib3 keeps the errno in one of: the context, `reason`, the arguments.
        if isinstance(cause, OSError) and cause.strerror:
            return one_line(cause.strerror)
        cause = next(
            (a for a in (getattr(cause, "reason", None), *cause.args) if isinstance(a, BaseException)), None
        ) or (cause.__cause__ or cause.__context__)
    return type(error).__name__


def _message(response: requests.Response) -> str:
    """What the Collector said about a failure."""
    if "protobuf" in response.headers.get("Content-Type", ""):
        try:
            return one_line(Status.FromString(response.content).message)
        except DecodeError:
            return ""
    if "html" in response.headers.get("Content-Type", ""):
        return ""
    return one_line(response.content[:300].decode("utf-8", "replace"))


def _retry_after(value: str | None) -> float | None:
    """Seconds from a Retry-After header: a number of them, or a date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp() - time.time()
    return min(max(seconds, 0.0), RETRY_AFTER_MAX) if math.isfinite(seconds) else None
