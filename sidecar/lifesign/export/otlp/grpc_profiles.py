"""Profiles over gRPC, for which OpenTelemetry has a client in Python and no exporter yet."""

from __future__ import annotations

import os
from typing import Any, Sequence

from opentelemetry.exporter.otlp.proto.grpc.exporter import OTLPExporterMixin, environ_to_compression
from opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2 import ExportProfilesServiceRequest
from opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2_grpc import ProfilesServiceStub
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.semconv._incubating.attributes.otel_attributes import OtelComponentTypeValues

from lifesign.export.otlp.profiles import ProfileOfResource, encode_profiles
from lifesign.export.otlp.targets import PROFILES, find


class GrpcProfileExporter(OTLPExporterMixin):  # type: ignore[type-arg]  # its parameters name the three signals
    """Built like the exporters of OpenTelemetry, of the same parts."""

    def __init__(self, endpoint: str, retryable_error_codes: Any, channel_options: Any) -> None:
        timeout = find(PROFILES, "TIMEOUT", os.environ)[1]
        super().__init__(
            stub=ProfilesServiceStub,
            result=SpanExportResult,
            endpoint=endpoint,
            headers=find(PROFILES, "HEADERS", os.environ)[1] or None,
            timeout=float(timeout) if timeout else None,
            compression=environ_to_compression("OTEL_EXPORTER_OTLP_PROFILES_COMPRESSION"),
            channel_options=channel_options,
            retryable_error_codes=retryable_error_codes,
            component_type=OtelComponentTypeValues.OTLP_GRPC_SPAN_EXPORTER,  # for its own metrics, which are off
        )

    def export(self, items: Sequence[ProfileOfResource]) -> SpanExportResult:
        """Sends them, once."""
        result: SpanExportResult = self._export(items)
        return result

    def _translate_data(self, data: Sequence[ProfileOfResource]) -> ExportProfilesServiceRequest:
        return encode_profiles(data)

    def _count_data(self, data: Sequence[ProfileOfResource]) -> int:
        return len(data)

    @property
    def _exporting(self) -> str:
        return PROFILES
