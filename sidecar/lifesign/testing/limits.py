"""What a marked test must not do, from the arguments of its mark."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Sequence

import pytest

_BLOCK_MIN_MS = 10.0  # below it a stall is no longer distinguished from a late beat


class Limits(NamedTuple):
    """`max_block_ms`: for how long an event loop may be blocked; None for as long as you like."""

    max_block_ms: float | None
    leaks: bool = True
    deadlocks: bool = True


def limits(args: Sequence[Any], given: Mapping[str, Any], max_block_ms: float) -> Limits:
    """The limits that a mark asks for.

    Args:
        max_block_ms: where it says nothing of it.

    Raises:
        pytest.UsageError: it cannot be understood.
    """
    unknown = sorted(set(given) - set(Limits._fields))
    if args or unknown:
        odd = repr(args[0]) if args else unknown[0]
        raise pytest.UsageError(f"pytest.mark.lifesign: it knows max_block_ms=, leaks= and deadlocks=, not {odd}")
    found = Limits(**{"max_block_ms": max_block_ms, **given})
    block = found.max_block_ms
    if block is not None and (isinstance(block, bool) or not isinstance(block, (int, float)) or block < _BLOCK_MIN_MS):
        raise pytest.UsageError(
            f"pytest.mark.lifesign: max_block_ms is a number from {_BLOCK_MIN_MS:g} on, or None, and not {block!r}"
        )
    return found


def other_library(item: pytest.Item) -> str:
    """The name of the async library that a test runs on, where it is known and none of asyncio's; else empty."""
    if item.get_closest_marker("trio") is not None:  # of pytest-trio
        return "trio"
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    backend = parameters.get("anyio_backend", getattr(item, "funcargs", {}).get("anyio_backend"))
    name = backend[0] if isinstance(backend, tuple) and backend else backend
    return name if isinstance(name, str) and name != "asyncio" else ""
