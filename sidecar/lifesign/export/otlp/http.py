"""OTLP over HTTP: the exporters of OpenTelemetry with a session that reads the answers.

By themselves they take any status below 400 for success, never look at ``partial_success``, read an answer of any
size, and try again inside for ten seconds.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import ssl
import threading
from http.client import BadStatusLine, RemoteDisconnected
from typing import Any, Callable

import requests
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import get_auth_from_url, get_netrc_auth
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from lifesign.export.otlp import http_answer, proxy, tls
from lifesign.export.otlp.http_answer import HttpAnswer
from lifesign.export.otlp.outcome import ANSWER_MAX, NOT_SENT, Delivered, Outcome, Retry, one_line, unexpected
from lifesign.export.otlp.targets import PROFILES, Target

_EXPORTERS: dict[str, Callable[..., Any]] = {
    "traces": OTLPSpanExporter,
    "logs": OTLPLogExporter,
    "metrics": OTLPMetricExporter,
}
_ENCODERS: dict[str, Callable[[Any], Any]] = {"traces": encode_spans, "logs": encode_logs, "metrics": encode_metrics}


class HttpExporter:
    """See `exporters.Exporter`."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._files = tls.Watched(tls.files(target.kind, os.environ))
        self._proxy = proxy.of_http(target.url)
        self._exporter_class, self._encoder = _of_kind(target.kind)
        self._open()

    def _open(self) -> None:
        self._session = ReadingSession(self.target.kind)
        self._exporter = self._exporter_class(endpoint=self.target.url, session=self._session)

    def export(self, items: Any) -> Outcome:
        session, exporter = self._session, self._exporter  # `abort` may put others in their place
        problem = self._files.problem() if self.target.is_secure else None
        if problem is not None:
            return Retry(problem)
        session.outcome = None
        try:
            exporter.export(items)
        except Exception as error:  # noqa: BLE001 - the exporters catch what the encoding raises
            return session.outcome or unexpected("sending", error)
        outcome: Outcome = session.outcome or self._unsent(items)
        if self.target.is_secure:
            outcome = tls.explain(outcome)
        return proxy.explain(outcome, self._proxy)

    def _unsent(self, items: Any) -> Outcome:
        """Why nothing went out: the exporter keeps what the encoding raised to itself."""
        try:
            self._encoder(items).SerializeToString()
        except MemoryError as error:
            return unexpected("encoding", error)
        except Exception:  # noqa: BLE001, S110 - it is what we say next
            pass
        return NOT_SENT

    def abort(self) -> None:
        self._session.abort()
        self._open()

    def preferences(self) -> tuple[Any, Any]:
        exporter = self._exporter
        # Private, but it is how the SDK's own metric readers ask an exporter.
        return exporter._preferred_temporality, exporter._preferred_aggregation

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _of_kind(kind: str) -> tuple[Callable[..., Any], Callable[[Any], Any]]:
    if kind == PROFILES:  # in development: only where they are wanted
        from lifesign.export.otlp.http_profiles import HttpProfileExporter
        from lifesign.export.otlp.profiles import encode_profiles

        return HttpProfileExporter, encode_profiles
    return _EXPORTERS[kind], _ENCODERS[kind]


class NotDeliveredError(Exception):
    """Tells an exporter that its request failed; no connection error, so that it does not try again inside."""


class ReadingSession(requests.Session):
    """A session that keeps what became of its newest request in `outcome`."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind
        self._connections = _Connections()
        self._settings: Any = None
        self.outcome: Outcome | None = None
        self.auth = _Credentials()
        self.headers["Accept-Encoding"] = "identity"  # an answer has some bytes, and is to be what it seems
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(self._connections))

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        if isinstance(self.verify, str):
            # Given with each request: REQUESTS_CA_BUNDLE in the environment takes precedence over what a session has.
            kwargs["verify"] = self.verify
        try:
            response = super().request(*args, **{**kwargs, "stream": True})
            answer = _read(response)
        except Exception as error:  # noqa: BLE001 - whatever it is, there was no answer
            self.outcome = Retry(_reason(error))
            # Without the cause: some requests errors quote header values.
            raise NotDeliveredError from None
        try:
            self.outcome = http_answer.judge(self._kind, answer)
        except Exception as error:  # noqa: BLE001 - whatever stands in an answer: we did send
            self.outcome = unexpected("judging the answer", error)
        if isinstance(self.outcome, Delivered):
            return response
        raise NotDeliveredError

    def merge_environment_settings(self, *args: Any, **kwargs: Any) -> Any:
        """What the environment says of our one URL, which does not change: to ask it takes a sixth of a request."""
        if self._settings is None:
            self._settings = super().merge_environment_settings(*args, **kwargs)
        return self._settings

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: to see where a redirect leads, `requests` would read the whole of the answer first."""

    def abort(self) -> None:
        """Breaks the request off that is on its way in another thread, whatever it waits for. For the last time."""
        self._connections.abort()
        self.close()


class _Credentials(AuthBase):
    """Those of the settings, else of the URL, else of a netrc file. By itself `requests` turns them round."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if "Authorization" in request.headers or request.url is None:
            return request
        found = get_auth_from_url(request.url)
        if not any(found):
            found = get_netrc_auth(request.url) or found
        return HTTPBasicAuth(*found)(request) if any(found) else request


class _Connections:
    """The connections of a session that are open. A thread that waits at one can be sent away from it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[Any] = set()
        self._aborted = False

    def add(self, connection: Any) -> None:
        with self._lock:
            if self._aborted:
                raise NotDeliveredError
            self._open.add(connection)

    def discard(self, connection: Any) -> None:
        with self._lock:
            self._open.discard(connection)

    def abort(self) -> None:
        with self._lock:
            self._aborted = True
            sockets = [connection.sock for connection in self._open]
        for one in sockets:
            with contextlib.suppress(OSError, TypeError):  # it is closed, or not a socket yet
                # Not its own: that of an SSLSocket would forget the TLS state under the reader's hands.
                socket.socket.shutdown(one, socket.SHUT_RDWR)


def _pool(base: type, connections: _Connections) -> type:
    """A pool whose connections stand in `connections` while they are open."""

    class Tracked(base.ConnectionCls):  # type: ignore[misc, name-defined]  # a class that is found at run time
        def connect(self) -> None:
            connections.add(self)
            super().connect()
            connections.add(self)  # raises where it came to nothing meanwhile

        def close(self) -> None:
            connections.discard(self)
            super().close()

    return type(base.__name__, (base,), {"ConnectionCls": Tracked})


class _Adapter(HTTPAdapter):
    """Opens connections that are tracked."""

    def __init__(self, connections: _Connections) -> None:
        self._pools = {
            "http": _pool(HTTPConnectionPool, connections),
            "https": _pool(HTTPSConnectionPool, connections),
        }
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _read(response: requests.Response) -> HttpAnswer:
    """The answer, of which no more is read than is judged. The connection is used again where all of it was read."""
    raw = response.raw
    content = b""
    while len(content) <= ANSWER_MAX and (more := raw.read(ANSWER_MAX + 1 - len(content), decode_content=False)):
        content += more
    if len(content) > ANSWER_MAX:
        raw.close()
    raw.release_conn()
    response.raw = io.BytesIO(content)  # for the exporter
    return HttpAnswer(response.status_code, response.reason or "", response.headers, content)


def _reason(error: Exception) -> str:
    """Why there was no answer, without the texts of `requests`, which may quote headers."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            said = getattr(cause, "verify_message", "") or (cause.reason or "").replace("_", " ").lower()
            return f"TLS: {one_line(said or str(cause.args[-1]))}"
        if isinstance(cause, RemoteDisconnected):
            return "the connection was closed without an answer"
        if isinstance(cause, BadStatusLine):
            return "the answer is no HTTP/1.1: does gRPC listen there? see OTEL_EXPORTER_OTLP_PROTOCOL"
        # urllib3 keeps the errno in one of: the context, `reason`, the arguments.
        if isinstance(cause, OSError) and cause.strerror:
            return one_line(cause.strerror)
        if isinstance(cause, OSError) and str(cause).startswith("Tunnel connection failed"):  # as http.client says it
            return one_line(str(cause)).lower()
        cause = next(
            (a for a in (getattr(cause, "reason", None), *cause.args) if isinstance(a, BaseException)), None
        ) or (cause.__cause__ or cause.__context__)
    return type(error).__name__
