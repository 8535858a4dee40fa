"""Sample events for a dry run: trades, orders and positions of a made-up account."""

from __future__ import annotations

import random
from typing import Any

_SYMBOLS = ("AAPL", "MSFT", "NVDA", "TSLA", "AMZN")
_SIDES = ("BUY", "SELL")
_STATUSES = ("NEW", "FILLED", "CANCELLED")


def sample_event(rng: random.Random, index: int) -> dict[str, Any]:
    """A trade, an order and a position in turn; the same `rng` state and `index` give the same event.

    Only ``rng.random()`` is drawn from: its sequence is the same on every version of Python.
    """
    kind = ("trade", "order", "position")[index % 3]
    event: dict[str, Any] = {
        "type": kind,
        "id": f"{kind}-{index}",
        "symbol": _pick(rng, _SYMBOLS),
        "quantity": 1 + int(rng.random() * 100),
        "price": round(50 + rng.random() * 450, 2),
        "account": "DRY-RUN",
        "dry_run": True,
    }
    if kind != "position":
        event["side"] = _pick(rng, _SIDES)
    if kind == "order":
        event["status"] = _pick(rng, _STATUSES)
    return event


def _pick(rng: random.Random, choices: tuple[str, ...]) -> str:
    return choices[int(rng.random() * len(choices))]
