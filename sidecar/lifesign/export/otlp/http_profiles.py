"""Profiles over HTTP, for which OpenTelemetry has no exporter in Python yet."""

from __future__ import annotations

import contextlib
import gzip
import os
import zlib
from typing import Callable, Iterable

import requests
from opentelemetry.util.re import parse_env_headers

from lifesign import semconv
from lifesign.export.otlp import tls
from lifesign.export.otlp.profiles import ProfileOfResource, encode_profiles
from lifesign.export.otlp.targets import PROFILES, find

_COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


class HttpProfileExporter:
    """Like the exporters of OpenTelemetry, as far as `HttpExporter` uses them.

    Args:
        endpoint: the full URL.
        session: sends, and sees what is answered.
    """

    def __init__(self, endpoint: str, session: requests.Session) -> None:
        self._endpoint = endpoint
        self._session = session
        compression = find(PROFILES, "COMPRESSION", os.environ)[1].lower()
        self._compress = _COMPRESSIONS.get(compression)
        session.headers["Content-Type"] = "application/x-protobuf"
        session.headers["User-Agent"] = f"{semconv.SCOPE}/{semconv.VERSION}"
        if self._compress is not None:
            session.headers["Content-Encoding"] = compression
        session.headers.update(parse_env_headers(find(PROFILES, "HEADERS", os.environ)[1], liberal=True))
        authority, certificate, key = tls.files(PROFILES, os.environ)
        session.verify = True if authority is None else authority.path
        if certificate is not None:
            session.cert = (certificate.path, key.path) if key is not None else certificate.path
        self._timeout = float(find(PROFILES, "TIMEOUT", os.environ)[1] or 10)

    def export(self, items: Iterable[ProfileOfResource]) -> None:
        """Sends them, once. What cannot be encoded is not sent."""
        try:
            body = encode_profiles(items).SerializeToString()
        except Exception:  # noqa: BLE001 - whoever called sees that nothing was sent, and why
            return
        if self._compress is not None:
            body = self._compress(body)
        with contextlib.suppress(Exception):  # the session knows what became of it
            self._session.post(self._endpoint, data=body, timeout=self._timeout)

    def shutdown(self) -> None:
        """Closes the connections."""
        self._session.close()
