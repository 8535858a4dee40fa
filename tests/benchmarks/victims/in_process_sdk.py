"""The OpenTelemetry SDK as an application sets it up by itself, for comparison."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def providers(spans: Any, logs: Any, metrics: Any, interval: float = 60.0) -> tuple[Any, Any, Any]:
    """The three providers over these exporters; they do not hold up the end of the process."""
    tracing = TracerProvider(shutdown_on_exit=False)
    tracing.add_span_processor(BatchSpanProcessor(spans))
    logging = LoggerProvider(shutdown_on_exit=False)
    logging.add_log_record_processor(BatchLogRecordProcessor(logs))
    reader = PeriodicExportingMetricReader(metrics, export_interval_millis=interval * 1000)
    return tracing, logging, MeterProvider([reader], shutdown_on_exit=False)


def over_http(interval: float = 60.0) -> tuple[Any, Any, Any]:
    """With the OTLP exporters that most use."""
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return providers(OTLPSpanExporter(), OTLPLogExporter(), OTLPMetricExporter(), interval)
