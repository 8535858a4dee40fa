"""OTLP over gRPC: the exporters of OpenTelemetry with a stub that reads the answers."""

from __future__ import annotations

import os
from typing import Any, Callable

import grpc  # type: ignore[import-untyped]  # it has no stubs
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # nor has this
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # nor this
from grpc import StatusCode
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

from lifesign.export.otlp import proxy, tls
from lifesign.export.otlp.outcome import (
    ANSWER_MAX,
    NOT_SENT,
    RETRY_AFTER_MAX,
    Outcome,
    Refused,
    Retry,
    judge_response,
    one_line,
    unexpected,
)
from lifesign.export.otlp.targets import PROFILES, Target

_STATUS_DETAILS = "grpc-status-details-bin"
_OF_THE_ANSWER = ("CLIENT:", "Decompressed")  # how our side of gRPC says that the answer is too large
_OPTIONS = (
    ("grpc.max_receive_message_length", ANSWER_MAX),
    # By itself a channel shares its connection with others of the process: after `abort` it is to be a new one.
    ("grpc.use_local_subchannel_pool", 1),
)
_HINTS = {
    StatusCode.UNIMPLEMENTED: "has the Collector such a pipeline?",
    StatusCode.UNAUTHENTICATED: "see OTEL_EXPORTER_OTLP_HEADERS",
    StatusCode.PERMISSION_DENIED: "see OTEL_EXPORTER_OTLP_HEADERS",
}


class CallOutcome:
    """What became of the newest call of one exporter."""

    def __init__(self) -> None:
        self.outcome: Outcome | None = None


class ReadingStub:
    """Stands between an exporter and its stub, and keeps what the Collector answered."""

    def __init__(self, stub: Any, answer: CallOutcome) -> None:
        self._stub = stub
        self._answer = answer

    def Export(self, request: Any, **call: Any) -> Any:  # noqa: N802 - the name in the protocol
        self._answer.outcome = Retry("the connection is closed")
        try:
            response = self._stub.Export(request, **call)
        except grpc.RpcError as error:
            self._answer.outcome = _judged(judge_error, error)
            raise
        self._answer.outcome = _judged(judge_response, response)
        return response


class _Reading:
    """Puts a `ReadingStub` into an exporter. The exporters offer no other way to see an answer."""

    answer: CallOutcome
    files: tls.Files
    _client: Any
    _insecure: bool

    def _initialize_channel_and_stub(self) -> None:
        # Called by their constructor, and again for a new connection when the Collector was unavailable.
        if not self._insecure:
            self._credentials = _credentials(self.files)
        super()._initialize_channel_and_stub()  # type: ignore[misc]  # a mixin: the exporter has it
        self._client = ReadingStub(self._client, self.answer)


def _reading(exporter: type, answer: CallOutcome, files: tls.Files) -> Any:
    return type(f"Reading{exporter.__name__}", (_Reading, exporter), {"answer": answer, "files": files})


def _credentials(files: tls.Files) -> Any:
    """Read anew for each connection; the exporter would read them once, and ours only beside an authority."""
    try:
        authority, certificate, key = files.content()
    except OSError:
        return grpc.ssl_channel_credentials()  # nothing is sent while a file cannot be read
    return grpc.ssl_channel_credentials(authority, key, certificate)


_EXPORTERS: dict[str, type] = {"traces": OTLPSpanExporter, "logs": OTLPLogExporter, "metrics": OTLPMetricExporter}


def _of_kind(kind: str) -> type:
    if kind == PROFILES:  # in development: only where they are wanted
        from lifesign.export.otlp.grpc_profiles import GrpcProfileExporter

        return GrpcProfileExporter
    return _EXPORTERS[kind]


class GrpcExporter:
    """See `exporters.Exporter`."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._tls = tls.files(target.kind, os.environ)
        self._files = tls.Watched(self._tls)
        self._proxy = proxy.of_grpc(target.url)
        self._open()

    def _open(self) -> None:
        self._answer = CallOutcome()
        # No error has the code OK, so that the exporter never tries again inside: that is our part.
        self._exporter = _reading(_of_kind(self.target.kind), self._answer, self._tls)(
            endpoint=self.target.url, retryable_error_codes=[StatusCode.OK], channel_options=_OPTIONS
        )

    def export(self, items: Any) -> Outcome:
        problem = self._files.problem() if self.target.is_secure else None
        if problem is not None:
            return Retry(problem)
        answer, exporter = self._answer, self._exporter  # `abort` may put others in their place
        answer.outcome = None
        try:
            exporter.export(items)
        except Exception as error:  # noqa: BLE001 - the exporter lets whatever the encoding raises through
            if isinstance(error, MemoryError):
                return unexpected("encoding", error)
            if answer.outcome is None:
                return Refused(f"{NOT_SENT.why}: {type(error).__name__}", divisible=True)
        outcome: Outcome = answer.outcome or NOT_SENT
        if self.target.is_secure:
            outcome = tls.explain(outcome)
        return proxy.explain(outcome, self._proxy)

    def abort(self) -> None:
        self._exporter.shutdown()  # which ends its call
        self._open()

    def preferences(self) -> tuple[Any, Any]:
        # Private, but it is how the SDK's own metric readers ask an exporter.
        return self._exporter._preferred_temporality, self._exporter._preferred_aggregation

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _judged(judge: Callable[[Any], Outcome], answer: Any) -> Outcome:
    try:
        return judge(answer)
    except Exception as error:  # noqa: BLE001 - whatever stands in an answer: we did send
        return unexpected("judging the answer", error)


def judge_error(error: Any) -> Outcome:
    """What an error of a call (a `grpc.RpcError` that is a `grpc.Call`) says became of the request."""
    code: StatusCode = error.code()
    details = one_line(error.details() or "")
    why = f"gRPC {code.name}: {details}"
    if code is StatusCode.INVALID_ARGUMENT:
        return Refused(why)
    if code is StatusCode.RESOURCE_EXHAUSTED and "larger than max" in details:
        if any(words in details for words in _OF_THE_ANSWER):
            return Retry(f"{why}: does a Collector listen there?")
        return Refused(why, divisible=True)  # the receiver's limit for one message, which waiting does not lift
    if code is StatusCode.UNAVAILABLE and "HTTP/2" in details:
        why = f"{why}; does OTLP over HTTP listen there? see OTEL_EXPORTER_OTLP_PROTOCOL"
    if code in _HINTS:
        why = f"{why}; {_HINTS[code]}"
    return Retry(why, _retry_delay(error.trailing_metadata()))


def _retry_delay(metadata: Any) -> float | None:
    """Seconds that the Collector asked to wait, in the details of its status."""
    raw = dict(metadata or ()).get(_STATUS_DETAILS)
    info = RetryInfo()
    try:
        for detail in Status.FromString(raw).details if raw else ():
            if detail.Unpack(info):
                seconds: float = info.retry_delay.seconds + info.retry_delay.nanos / 1e9
                return min(max(seconds, 0.0), RETRY_AFTER_MAX)
    except DecodeError:
        return None
    return None
