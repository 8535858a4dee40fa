"""What an exporting sidecar does not load: each of these modules costs memory for nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.paths import SIDECAR

PROGRAM = """
import os, sys
from lifesign.export.pipeline import Pipeline
from lifesign.export.otlp.exporters import open_exporters
where = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_PROTOCOL": sys.argv[1]}
opened = open_exporters(where)
for exporter in opened.values():
    exporter.export([])
print(*(name for name, module in sys.modules.items() if getattr(type(module), "__name__", "") == "module"), flush=True)
os._exit(0)
"""
BOTH = {"google.protobuf.text_format", "google.protobuf.internal.decoder", "zipfile"}


@pytest.mark.parametrize(
    ("protocol", "unused"),
    [("http/protobuf", {"charset_normalizer", "idna.core", "grpc"}), ("grpc", {"grpc.aio._channel", "requests"})],
)
def test_what_nobody_needs_is_not_loaded(protocol: str, unused: set[str]) -> None:
    command = [sys.executable, "-c", PROGRAM, protocol]
    said = subprocess.run(command, env={"PYTHONPATH": str(SIDECAR)}, stdout=subprocess.PIPE, check=True, text=True)
    loaded = set(said.stdout.split())
    assert "google._upb._message" in loaded
    assert not loaded & (BOTH | unused)
