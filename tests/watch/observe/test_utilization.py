"""The share of the time in which a loop works, from the processor time that its thread wrote at two beats."""

from __future__ import annotations

import pytest

from lifesign.watch.observe.utilization import Utilization
from lifesign.wire.reader import LoopSigns
from support.made.readings import ENDED, RUNNING, S


def signs(
    at: float, cpu: float, waited: float = 0.0, slot: int = 0, generation: int = 1, state: int = RUNNING
) -> LoopSigns:
    """At `at` seconds the thread had used so much processor time, and waited in calls for so long."""
    ran, inside = int(cpu * S), int(waited * S)
    return LoopSigns(state, generation, 5, 0, int(at * S), 0, 1, 0, ran, inside, slot)


def after(*polls: LoopSigns) -> Utilization:
    made = Utilization()
    for one in polls:
        made.update([one])
    return made


def test_processor_time_and_waits_in_calls_are_work() -> None:
    made = after(signs(10, 3.0), signs(12, 3.5, 0.5))
    assert made.by_slot == {0: 0.5}
    assert made.times == (1.0, 1.0)


def test_it_is_of_the_last_seconds() -> None:
    polls = [signs(at, min(at, 20)) for at in range(1, 41)]  # busy up to 20 s, idle from then on
    assert after(*polls[:20]).by_slot == {0: 1.0}
    assert after(*polls[:22]).by_slot == {0: pytest.approx(3 / 5)}
    assert after(*polls).by_slot == {0: 0.0}
    assert after(*polls).times == (19.0, 20.0)


def test_an_agent_that_writes_no_processor_time_has_none_rather_than_0() -> None:
    made = after(signs(10, 0), signs(12, 0))
    assert (made.by_slot, made.times) == ({}, None)


def test_a_loop_that_is_seen_for_the_first_time_has_none_yet() -> None:
    made = after(signs(10, 3.0))
    assert (made.by_slot, made.times) == ({}, (0.0, 0.0))
    assert after(signs(10, 3.0), signs(10.2, 3.2)).by_slot == {}, "two beats are too few"


def test_a_new_loop_in_the_slot_begins_anew_and_what_was_counted_stays() -> None:
    made = after(signs(10, 3.0), signs(12, 5.0), signs(13, 50.0, generation=2), signs(15, 50.0, generation=2))
    assert made.by_slot == {0: 0.0}
    assert made.times == (2.0, 2.0)


def test_a_loop_that_has_ended_is_not_shown() -> None:
    assert after(signs(10, 3.0), signs(12, 5.0), signs(13, 5.0, state=ENDED)).by_slot == {}


def test_loops_are_measured_one_by_one() -> None:
    made = Utilization()
    made.update([signs(10, 1.0), signs(10, 1.0, slot=3)])
    made.update([signs(14, 5.0), signs(14, 2.0, slot=3)])
    assert made.by_slot == {0: 1.0, 3: 0.25}
    assert made.times == (5.0, 3.0)


def test_what_cannot_be_is_cut() -> None:
    assert after(signs(10, 3.0), signs(11, 99.0)).times == (1.0, 0.0)
    assert after(signs(10, 3.0), signs(11, 99.0)).by_slot == {0: 1.0}
    assert after(signs(10, 3.0), signs(12, 4.0), signs(11, 4.0)).by_slot == {}, "a clock that goes back"
    assert after(signs(10, 3.0), signs(12, 1.0)).by_slot == {}
    many = after(*(signs(10 + at / 1000, 3.0) for at in range(1000)))
    assert many.times == (0.0, pytest.approx(0.999))
