"""How long the agent rests after its samples, searches and counts."""

from __future__ import annotations

from lifesign.agent.price import Price

MS = 1_000_000


def test_a_rest_is_so_many_times_what_the_work_has_cost() -> None:
    price = Price(200)
    assert price.rest(100_000) == 20 * MS
    assert price.rest(150_000) == 30 * MS
    assert price.rest(50_000) == 10 * MS
    assert price.rest(0) == 0


def test_what_costs_a_thousand_times_as_much_once_makes_it_blind_for_no_minute() -> None:
    price = Price(200)
    price.rest(300_000)
    assert price.rest(400 * MS) == 200 * 600_000  # the garbage collector ran in its midst
    assert price.rest(300_000) == 60 * MS


def test_what_is_always_dear_is_known_after_some() -> None:
    price = Price(100)
    rests = [price.rest(20 * MS) // MS for _ in range(9)]
    assert rests == [50, 100, 200, 400, 800, 1600, 2000, 2000, 2000]


def test_what_is_dear_because_it_is_much_is_known_at_once() -> None:
    price = Price(500)
    assert price.rest(30 * MS, 25 * MS) == 15_000 * MS
    assert price.rest(400 * MS, 25 * MS) == 30_000 * MS  # twice what the one before it has cost
