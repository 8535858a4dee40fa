"""The API of a cluster, as far as the tests ask it."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from cluster.node.place import API, TOKEN


class Client:
    """Asks the API server.

    Attributes:
        kubeconfig: a file for Helm and kubectl.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig

    def ready(self) -> bool:
        try:
            return self._ask("GET", "/readyz") == b"ok"
        except OSError:
            return False

    def get(self, path: str) -> dict[str, Any]:
        """An object, a list of them, or the Status that says why not."""
        return self._object("GET", path)

    def create(self, path: str, manifest: dict[str, Any]) -> dict[str, Any]:
        """What the server makes of a manifest: the object as admitted, or a Status that says why not."""
        return self._object("POST", path, manifest)

    def patch(self, path: str, patch: dict[str, Any]) -> dict[str, Any]:
        return self._object("PATCH", path, patch)

    def delete(self, path: str, **options: Any) -> dict[str, Any]:
        return self._object("DELETE", path, options or None)

    def text(self, path: str) -> str:
        """What is no object, such as the log of a container."""
        return self._ask("GET", path).decode(errors="replace")

    def _object(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            found = json.loads(self._ask(method, path, json.dumps(body).encode() if body is not None else None))
        except urllib.error.HTTPError as error:
            found = json.loads(error.read())
        assert isinstance(found, dict)
        return found

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
        request = urllib.request.Request(API + path, body, headers, method=method)
        with urllib.request.urlopen(request, timeout=60, context=ssl._create_unverified_context()) as answer:
            answered = answer.read()
        assert isinstance(answered, bytes)
        return answered
