"""Certificates of every kind, and real Collectors that show them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Callable

import trustme

from support.backends.collector import Collector

OVERLAY = Path(__file__).with_name("collector-tls.yaml")
YESTERDAY = datetime.now(timezone.utc) - timedelta(days=1)


class Authority:
    """A certificate authority, and what it signs, as files in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._authority = trustme.CA()
        self.file = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def signs(self, name: str, *identities: str, until: datetime | None = None) -> tuple[Path, Path]:
        """A certificate for `identities`, and its key."""
        issued = self._authority.issue_cert(
            *identities, not_before=YESTERDAY - timedelta(days=1) if until else None, not_after=until
        )
        certificate, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        issued.private_key_pem.write_to_path(str(key))
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        return certificate, key


class Secured:
    """Collectors behind TLS, started when they are first asked for and then kept."""

    def __init__(self, binary: str, folder: Path) -> None:
        self._binary, self._folder = binary, folder
        self._running: dict[str, Collector] = {}
        self.authority = Authority(folder / "authority")
        self.stranger = Authority(folder / "stranger")
        self._shown: dict[str, Callable[[], tuple[Path, Path]]] = {
            "good": lambda: self.authority.signs("good", "localhost"),
            "expired": lambda: self.authority.signs("expired", "localhost", until=YESTERDAY),
            "other name": lambda: self.authority.signs("other", "collector.example"),
            "mutual": lambda: self.authority.signs("mutual", "localhost"),
        }

    def __call__(self, kind: str) -> Collector:
        if kind not in self._running:
            folder = self._folder / kind.replace(" ", "-")
            folder.mkdir()
            certificate, key = self._shown[kind]()
            environ = {
                "LIFESIGN_COLLECTOR_CERT": str(certificate),
                "LIFESIGN_COLLECTOR_KEY": str(key),
                "LIFESIGN_COLLECTOR_CLIENT_CA": str(self.authority.file) if kind == "mutual" else "",
            }
            self._running[kind] = Collector(self._binary, folder, extra=OVERLAY, environ=environ)
            self._running[kind].start()
        return self._running[kind]

    def stop(self) -> None:
        for collector in self._running.values():
            collector.stop()


def endpoint(collector: Collector, protocol: str) -> str:
    """Where it listens, by the name in its certificate."""
    address = collector.grpc if protocol == "grpc" else collector.http
    return f"https://localhost:{address.rpartition(':')[2]}"
