"""TLS towards the Collector: the files that the standard variables name, and what a failed handshake means.

The exporters of OpenTelemetry ignore a file that they cannot read and try without it. Here that is an error, and
the files are checked again before each attempt, so that a corrected certificate is used.
"""

from __future__ import annotations

import os
import ssl
from typing import Mapping, NamedTuple

from lifesign.export.otlp.outcome import Outcome, Retry
from lifesign.export.otlp.targets import find

_AUTHORITY, _CERTIFICATE, _KEY = "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"
_SET = "set OTEL_EXPORTER_OTLP_"
# What is found in the words of OpenSSL and BoringSSL (lower case), and what to try; the first that fits.
_MEANINGS = (
    ("has expired", "it is the Collector's: give it a new one, or set the clock"),
    ("not yet valid", "it is the Collector's: one of the two clocks is wrong"),
    ("mismatch", "write the endpoint with a name that stands in the Collector's certificate"),
    ("is not in peer certificate", "write the endpoint with a name that stands in the Collector's certificate"),
    ("alert unknown ca", f"the Collector does not trust our certificate: {_SET}{_CERTIFICATE} to one that it does"),
    ("alert certificate expired", f"ours has expired: see OTEL_EXPORTER_OTLP_{_CERTIFICATE}"),
    ("alert bad certificate", f"the Collector does not take our certificate: see OTEL_EXPORTER_OTLP_{_CERTIFICATE}"),
    ("certificate required", f"the Collector wants a certificate of ours: {_SET}{_CERTIFICATE} and _{_KEY}"),
    ("certificate_required", f"the Collector wants a certificate of ours: {_SET}{_CERTIFICATE} and _{_KEY}"),
    ("hostname verification", "write the endpoint with a name that stands in the Collector's certificate"),
    ("issuer certificate", f"{_SET}{_AUTHORITY} to the certificate of the authority that signed the Collector's"),
    ("self-signed", f"{_SET}{_AUTHORITY} to the certificate of the authority that signed the Collector's"),
    ("self signed", f"{_SET}{_AUTHORITY} to the certificate of the authority that signed the Collector's"),
    ("certificate_verify_failed", f"see whether OTEL_EXPORTER_OTLP_{_AUTHORITY} is the authority of the Collector's"),
    ("wrong version number", "the Collector speaks no TLS there: write http:// in the endpoint"),
    ("wrong_version_number", "the Collector speaks no TLS there: write http:// in the endpoint"),
    ("record layer failure", "the Collector speaks no TLS there: write http:// in the endpoint"),
    # With TLS 1.3 a Collector refuses our certificate after the handshake, and the reason may get lost on the way.
    *(
        (words, f"perhaps the Collector wants another certificate of ours: see OTEL_EXPORTER_OTLP_{_CERTIFICATE}")
        for words in ("unwrap failed", "socket closed", "connection reset", "broken pipe", "eof occurred")
    ),
)


class File(NamedTuple):
    """A file and the variable that names it."""

    variable: str
    path: str

    def __str__(self) -> str:
        return f"{self.variable}={self.path}"


class Files(NamedTuple):
    """The files for one kind of telemetry; None where no variable names one."""

    authority: File | None
    certificate: File | None
    key: File | None

    def problem(self) -> str | None:
        """What is wrong with them, one line; None where they can be used."""
        for file in filter(None, self):
            try:
                with open(file.path, "rb"):
                    pass
            except OSError as error:
                return f"{file} cannot be read: {error.strerror}"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.authority is not None:
            try:
                context.load_verify_locations(self.authority.path)
            except (OSError, ValueError):
                return f"{self.authority} holds no certificate in PEM format"
        if self.certificate is None or self.key is None:
            alone = self.certificate or self.key
            missing = _KEY if self.key is None else _CERTIFICATE
            return f"{alone.variable} is set without {_SET[4:]}{missing}" if alone is not None else None
        try:
            # A password is asked for on the terminal otherwise.
            context.load_cert_chain(self.certificate.path, self.key.path, password="")
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                return f"{self.key} is not the key of {self.certificate}"
            return f"{self.certificate} or {self.key} holds none in PEM format, or the key has a password"
        except (OSError, ValueError):
            return f"{self.certificate} or {self.key} cannot be used"
        return None

    def stamp(self) -> tuple[object, ...]:
        """Changes when one of the files does."""
        return tuple(_stamp(file.path) for file in self if file is not None)

    def content(self) -> tuple[bytes | None, bytes | None, bytes | None]:
        """Of authority, certificate and key; raises OSError."""
        authority, certificate, key = (None if file is None else _read(file.path) for file in self)
        return authority, certificate, key


def files(kind: str, environ: Mapping[str, str]) -> Files:
    """The files for one kind of telemetry: its own variable first, then the one for all."""
    found = (find(kind, what, environ) for what in (_AUTHORITY, _CERTIFICATE, _KEY))
    return Files(*(File(variable, path) if path else None for variable, path in found))


class Watched:
    """Files that are checked before each attempt, and examined when they changed."""

    def __init__(self, watched: Files) -> None:
        self._files = watched
        self._stamp: tuple[object, ...] | None = None
        self._problem: str | None = None

    def problem(self) -> str | None:
        """See `Files.problem`."""
        stamp = self._files.stamp()
        if stamp != self._stamp:
            self._stamp, self._problem = stamp, self._files.problem()
        return self._problem


def explain(outcome: Outcome) -> Outcome:
    """The outcome of an attempt over TLS, with a hint if it failed for a known reason."""
    if not isinstance(outcome, Retry):
        return outcome
    lower = outcome.why.lower()
    advice = next((advice for words, advice in _MEANINGS if words in lower), None)
    return Retry(f"{outcome.why}; {advice}", outcome.after) if advice else outcome


def _stamp(path: str) -> object:
    try:
        found = os.stat(path)
    except OSError as error:
        return error.errno
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
