"""Sample events for a dry run: trades, orders and positions of a made-up account."""

from __future__ import annotations

import random
from typing import Any, Callable

_SYMBOLS = ("AAPL", "MSFT", "NVDA", "TSLA", "AMZN")
_SIDES = ("BUY", "SELL")
_STATUSES = ("NEW", "FILLED", "CANCELLED")

Sample = Callable[[random.Random, int], "dict[str, Any]"]


def sample_events(account: str = "DRY-RUN", worker: int = 0) -> tuple[Sample, Sample, Sample]:
    """Factories of a trade, an order and a position; the same `rng` state and index give the same event.

    Their ids are ``trade-0`` and so on, ``trade-1-0`` in worker number 1: no two workers use the same.
    Only ``rng.random()`` is drawn from: its sequence is the same on every version of Python.
    """

    mark = f"-{worker}" if worker else ""

    def common(kind: str, rng: random.Random, index: int) -> dict[str, Any]:
        return {
            "type": kind,
            "id": f"{kind}{mark}-{index}",
            "symbol": _pick(rng, _SYMBOLS),
            "quantity": 1 + int(rng.random() * 100),
            "price": round(50 + rng.random() * 450, 2),
            "account": account,
            "dry_run": True,
        }

    def trade(rng: random.Random, index: int) -> dict[str, Any]:
        return {**common("trade", rng, index), "side": _pick(rng, _SIDES)}

    def order(rng: random.Random, index: int) -> dict[str, Any]:
        return {**common("order", rng, index), "side": _pick(rng, _SIDES), "status": _pick(rng, _STATUSES)}

    def position(rng: random.Random, index: int) -> dict[str, Any]:
        return common("position", rng, index)

    return trade, order, position


def _pick(rng: random.Random, choices: tuple[str, ...]) -> str:
    return choices[int(rng.random() * len(choices))]
