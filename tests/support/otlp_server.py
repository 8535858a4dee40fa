"""A Collector that answers as scripted: the one fake of these tests.

It reads real OTLP from a real socket. Each kind of telemetry (``traces``, ``logs``, ``metrics``, ``profiles``)
has a script of answers; when the script is over, everything is accepted.
"""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
from collections import defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, Mapping, NamedTuple

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb2
from opentelemetry.proto.collector.profiles.v1development import profiles_service_pb2 as profiles_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces_pb2

REQUESTS = {
    "traces": traces_pb2.ExportTraceServiceRequest,
    "logs": logs_pb2.ExportLogsServiceRequest,
    "metrics": metrics_pb2.ExportMetricsServiceRequest,
    "profiles": profiles_pb2.ExportProfilesServiceRequest,
}


class Answer(NamedTuple):
    """What to say to one request.

    `hang` answers only when the server stops, `reset` not at all, `cut` with half an answer; `delay` is in seconds;
    of what it takes, the first `rejects` records are left out, and it says so. `raw` is sent instead of all that, with
    `drip` seconds after each byte.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})
    hang: bool = False
    reset: bool = False
    cut: bool = False
    delay: float = 0.0
    rejects: int = 0
    raw: bytes = b""
    drip: float = 0.0


def partial(kind: str, rejected: int, message: str) -> Any:
    """An ``Export...ServiceResponse`` that took all but `rejected` records."""
    if kind == "traces":
        return traces_pb2.ExportTraceServiceResponse(
            partial_success=traces_pb2.ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
        )
    if kind == "logs":
        return logs_pb2.ExportLogsServiceResponse(
            partial_success=logs_pb2.ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=message)
        )
    if kind == "profiles":
        return profiles_pb2.ExportProfilesServiceResponse(
            partial_success=profiles_pb2.ExportProfilesPartialSuccess(rejected_profiles=rejected, error_message=message)
        )
    return metrics_pb2.ExportMetricsServiceResponse(
        partial_success=metrics_pb2.ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=message)
    )


class Received:
    """What arrived, in order."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any]] = []
        self.taken: list[tuple[str, Any, int]] = []  # with how many records of each, from the first on, were refused
        self.headers: list[dict[str, str]] = []

    def of(self, kind: str) -> list[Any]:
        """The requests of one kind."""
        return [message for k, message in self.requests if k == kind]

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.of("traces")
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def logs(self) -> list[Any]:
        return [
            record
            for request in self.of("logs")
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]


class OtlpServer(Received):
    """Common to both protocols: the script."""

    def __init__(self) -> None:
        super().__init__()
        self._scripts: defaultdict[str, deque[Any]] = defaultdict(deque)
        self.stopping = threading.Event()

    def script(self, kind: str, *answers: Any) -> None:
        """Says what the next requests of a kind are answered with."""
        self._scripts[kind].extend(answers)

    def relent(self) -> None:
        """From now on everything is accepted."""
        self._scripts.clear()

    def pending(self, kind: str) -> int:
        """How many answers the script of a kind still has."""
        return len(self._scripts[kind])

    def next_answer(self, kind: str, default: Any) -> Any:
        script = self._scripts[kind]
        return script.popleft() if script else default


class HttpServer(OtlpServer):
    """OTLP over HTTP on a free port of loopback."""

    def __init__(self) -> None:
        super().__init__()
        self.connections: set[socket.socket] = set()
        self.connections_so_far = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or a body waits 40 ms for the acknowledgement of its head

            def setup(self) -> None:
                super().setup()
                outer.connections.add(self.connection)
                outer.connections_so_far += 1

            def finish(self) -> None:
                outer.connections.discard(self.connection)
                with contextlib.suppress(OSError):
                    super().finish()

            def do_POST(self) -> None:
                kind = self.path.rpartition("/")[2]
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                message = REQUESTS[kind]()
                message.ParseFromString(body)
                outer.headers.append(dict(self.headers))
                outer.requests.append((kind, message))
                answer: Answer = outer.next_answer(kind, Answer())
                if answer.hang:
                    outer.stopping.wait()
                outer.stopping.wait(answer.delay)
                if answer.hang or answer.reset:
                    self.close_connection = True
                    if answer.reset:  # with lingering off, closing is a reset
                        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                if answer.raw:
                    self.close_connection = True
                    self.send_raw(answer)
                    return
                if answer.rejects:
                    answer = answer._replace(body=partial(kind, answer.rejects, "not these").SerializeToString())
                if answer.status < 300:
                    outer.taken.append((kind, message, answer.rejects))
                self.send_response(answer.status)
                for name, value in {"Content-Type": "application/x-protobuf", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body) + answer.cut))
                self.end_headers()
                self.close_connection = answer.cut
                self.wfile.write(answer.body)

            def send_raw(self, answer: Answer) -> None:
                with contextlib.suppress(OSError):  # whoever asked may not wait for all of it
                    for start in range(0, len(answer.raw), 1 if answer.drip else len(answer.raw)):
                        self.wfile.write(answer.raw[start : start + 1] if answer.drip else answer.raw)
                        if outer.stopping.wait(answer.drip):
                            return

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """A client that was killed in the middle is no error of ours."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False  # so that closing it waits for them
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.002,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Ends every connection, and all threads."""
        self.stopping.set()
        self._server.shutdown()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join()


class GrpcServer(OtlpServer):
    """OTLP over gRPC on a free port of loopback.

    An answer is a response message, or ``(code, details)``, or ``(code, details, trailing metadata)``.
    """

    def __init__(self) -> None:
        import grpc
        from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc
        from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc
        from opentelemetry.proto.collector.profiles.v1development import profiles_service_pb2_grpc
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc

        super().__init__()
        outer = self

        class Servicer:
            def __init__(self, kind: str, response: Any) -> None:
                self._kind = kind
                self._response = response

            def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the name in the protocol
                outer.requests.append((self._kind, request))
                outer.headers.append(dict(context.invocation_metadata()))
                answer = outer.next_answer(self._kind, self._response)
                if isinstance(answer, Answer):
                    outer.stopping.wait()
                    return self._response
                if isinstance(answer, tuple):
                    if len(answer) == 3:
                        context.set_trailing_metadata(answer[2])
                    context.abort(*answer[:2])
                return answer

        self._threads = ThreadPoolExecutor(4)
        self._server = grpc.server(self._threads)
        traces = Servicer("traces", traces_pb2.ExportTraceServiceResponse())
        logs = Servicer("logs", logs_pb2.ExportLogsServiceResponse())
        metrics = Servicer("metrics", metrics_pb2.ExportMetricsServiceResponse())
        profiles = Servicer("profiles", profiles_pb2.ExportProfilesServiceResponse())
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(traces, self._server)
        logs_service_pb2_grpc.add_LogsServiceServicer_to_server(logs, self._server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(metrics, self._server)
        profiles_service_pb2_grpc.add_ProfilesServiceServicer_to_server(profiles, self._server)
        self.url = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        self.stopping.set()
        self._server.stop(None).wait()
        self._threads.shutdown()
