"""The Resource of a main process as far as it knows itself: the sidecar sends it, and the agent publishes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lifesign import semconv

if TYPE_CHECKING:
    from lifesign.wire.records import Identity

_ENTRIES_MAX = 128
_TEXT_MAX = 1024
_ENCODED = rb"%([0-9A-Fa-f]{2})"  # compiled when it is needed


def own_attributes(identity: Identity) -> dict[str, str]:
    """What its own environment says, and its ``service.instance.id``.

    A given id is kept by the program that was started with it; its workers share it, and it must be unique: theirs is
    that id with their pid.
    """
    own = parse(identity["otel_resource_attributes"])
    if identity["otel_service_name"]:
        own[semconv.SERVICE_NAME] = encodable(identity["otel_service_name"])
    given = own.get(semconv.SERVICE_INSTANCE_ID)
    if not given:
        own[semconv.SERVICE_INSTANCE_ID] = identity["instance"]
    elif identity["worker"]:
        own[semconv.SERVICE_INSTANCE_ID] = f"{given}-{identity['pid']}"
    return own


def parse(raw: str) -> dict[str, str]:
    """``key=value,key=value`` with percent-encoding, as in the specification; malformed pairs are left out."""
    found: dict[str, str] = {}
    for part in encodable(raw).split(",")[:_ENTRIES_MAX]:
        key, equals, value = part.partition("=")
        if equals and key.strip():
            found[_decoded(key)] = _decoded(value)
    return found


def encodable(text: str) -> str:
    """What an environment or a command line says, with ? for each byte that is no UTF-8: that could not be sent."""
    return text.encode("utf-8", "replace").decode()


def _decoded(text: str) -> str:
    """Without percent-encoding; urllib's module costs a program more to import than all of ours."""
    text = text.strip()
    if "%" in text:
        raw = re.sub(_ENCODED, lambda found: bytes((int(found[1], 16),)), text.encode("utf-8", "replace"))
        text = raw.decode("utf-8", "replace")
    return text[:_TEXT_MAX]
