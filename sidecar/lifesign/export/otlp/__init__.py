"""OTLP: the official exporters, and what the Collector's answers mean."""

from lifesign.export.otlp.imports import later

# Whatever is imported from here on: the implementation in pure Python, 1.6 MiB, which nobody uses beside that in C; and
# archives, 0.3 MiB, in which packages might be installed.
later("google.protobuf.internal.python_message", "zipfile")
