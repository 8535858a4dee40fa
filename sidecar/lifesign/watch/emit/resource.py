"""The Resource of a main process: its own attributes first, then those of the sidecar's environment."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Mapping

from lifesign import semconv
from lifesign.resource import encodable, own_attributes, parse
from lifesign.watch.telemetry import Attributes, Resource
from lifesign.wire.records import Identity

# What owns a pod and lets it have no other restartPolicy than Always.
_ALWAYS = frozenset(f"k8s.{owner}.name" for owner in ("deployment", "replicaset", "statefulset", "daemonset"))
_LAST_MS = 253_402_300_799_000  # of the year 9999


def resource(key: str, identity: Identity, environ: Mapping[str, str]) -> Resource:
    """Merges the identity with the sidecar's ``OTEL_SERVICE_NAME`` and ``OTEL_RESOURCE_ATTRIBUTES``.

    ``service.instance.id`` never comes from the sidecar's environment: one sidecar watches many.
    """
    own = own_attributes(identity)
    added = parse(environ.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    attributes: Attributes = {**added, **own}
    attributes[semconv.SERVICE_NAME] = (
        own.get(semconv.SERVICE_NAME)
        or encodable(environ.get("OTEL_SERVICE_NAME", ""))
        or added.get(semconv.SERVICE_NAME)
        or identity["command"]
        or "unknown_service"
    )
    attributes.setdefault(semconv.HOST_NAME, identity["host"])
    attributes.update(
        {
            semconv.PROCESS_PID: identity["pid"],
            semconv.PROCESS_CREATION_TIME: _date(identity["started"]),
            semconv.PROCESS_COMMAND: identity["command"],
            semconv.PROCESS_EXECUTABLE_NAME: identity["executable"],
            semconv.PROCESS_RUNTIME_NAME: identity["implementation"],
            semconv.PROCESS_RUNTIME_VERSION: identity["python"],
            semconv.SDK_LANGUAGE: "python",
            semconv.DISTRO_NAME: semconv.SCOPE,
            semconv.DISTRO_VERSION: semconv.VERSION,
        }
    )
    return Resource(key, attributes)


def always_restarts(resource: Resource) -> bool:
    """Whether a kubelet starts its container again whenever that ends, so that an end of the pod was asked for."""
    return not _ALWAYS.isdisjoint(resource.attributes)


def _date(nanoseconds: int) -> str:
    """A wall clock time in ISO 8601, to a millisecond: the kernel knows no more of when a process began."""
    seconds = min(max(0, nanoseconds // 1_000_000), _LAST_MS) / 1000
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
