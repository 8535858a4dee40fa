"""Patterns and samples: the same seed makes the same events, on every Python, down to the last digit."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from lifesign.agent.dryrun import patterns
from lifesign.agent.dryrun.samples import sample_events
from lifesign.parsing import DRY_RUN_PATTERNS

HERE = Path(__file__).parent
GOLDEN = HERE / "dry_run_events.json"
MAKER = HERE / "make_dry_run_events.py"


def test_the_golden_events_are_what_they_should_be() -> None:
    golden = json.loads(GOLDEN.read_text())
    assert set(golden) == {f"{pattern} {seed}" for pattern in DRY_RUN_PATTERNS for seed in (42, 7)}
    assert golden["sequential 42"] != golden["sequential 7"]
    # Worked out by hand from random.Random(42): 0.6394267984578837, 0.025010755222666936, 0.27502931836911926,
    # 0.22321073814882275 are the symbol, quantity, price and side of the first event.
    assert golden["sequential 42"][0] == [
        {
            "type": "trade", "id": "trade-0", "symbol": "TSLA", "quantity": 3, "price": 173.76,
            "account": "DRY-RUN", "dry_run": True, "side": "BUY",
        }
    ]  # fmt: skip
    in_turn = [event["type"] for moment in golden["sequential 42"] for event in moment]
    assert in_turn[:6] == ["trade", "order", "position"] * 2
    assert {len(moment) for moment in golden["random 42"]} == {1}
    assert all(3 <= len(moment) <= 10 for moment in golden["burst 42"])
    every = [event for moments in golden.values() for moment in moments for event in moment]
    assert {event["type"] for event in every} == {"trade", "order", "position"}
    assert all(event["dry_run"] is True and event["account"] == "DRY-RUN" for event in every)
    assert {event["type"] for event in every if "status" in event} == {"order"}
    assert {event["type"] for event in every if "side" in event} == {"trade", "order"}


def test_the_account_is_the_users() -> None:
    assert {make(random.Random(1), 0)["account"] for make in sample_events("desk-7")} == {"desk-7"}


def test_every_pattern_of_the_settings_is_there() -> None:
    for name in DRY_RUN_PATTERNS:
        assert patterns.pattern(name, (3, 10))(random.Random(1), 0, 3)
    with pytest.raises(ValueError, match="is not one of"):
        patterns.pattern("waves", (3, 10))


def test_a_burst_has_all_its_sizes_and_no_other() -> None:
    rng, burst = random.Random(3), patterns.Burst(2, 4)
    seen = [list(burst(rng, 0, 2)) for _ in range(200)]
    assert {len(one) for one in seen} == {2, 3, 4}
    assert {position for one in seen for position in one} == {0, 1}
