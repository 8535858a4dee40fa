"""What flaps is damped: the first entries and the last one are exported, and the number of those in between."""

from __future__ import annotations

from math import ceil

import pytest

from lifesign.watch.emit.transitions import BURST, Damper
from lifesign.watch.telemetry import Log

S = 1_000_000_000


def log(at: float) -> Log:
    return Log(
        resource="1-a",
        uid=f"silent-{at:g}",
        event="lifesign.silence",
        time=int(at * S),
        observed=int(at * S),
        severity=17,
        body="silent",
        attributes={"lifesign.state": "silent"},
    )


class Flapping:
    """A process that is polled four times a second; it is silent at the times that are given."""

    def __init__(self) -> None:
        self.damper = Damper()
        self.exported: list[tuple[float, str, str, object]] = []

    def play(self, until: float, *silent: tuple[float, float]) -> list[tuple[float, str, str, object]]:
        """Returns what was exported: when, which one, its text, its count."""
        was = False
        quarters = {quarter for begin, end in silent for quarter in range(ceil(begin * 4), ceil(end * 4))}
        for quarter in range(int(until * 4)):
            now = quarter / 4
            is_silent = quarter in quarters
            made = self.damper.due(int((100 + now) * S), lasts=is_silent and was)
            if is_silent and not was:
                made += self.damper.enter(log(now), int((100 + now) * S))
            was = is_silent
            self.exported += [(now, one.uid, one.body, one.attributes.get("lifesign.state.count")) for one in made]
        return self.exported


def test_a_few_entries_are_exported_at_once() -> None:
    exported = Flapping().play(60, (1, 2), (10, 12), (20, 40))
    assert exported == [
        (1, "silent-1", "silent", None),
        (10, "silent-10", "silent", None),
        (20, "silent-20", "silent", None),
    ]


def test_more_of_them_are_one_record_when_it_is_over() -> None:
    exported = Flapping().play(120, *((second, second + 0.5) for second in range(1, 26)))
    assert exported == [
        (1, "silent-1", "silent", None),
        (2, "silent-2", "silent", None),
        (3, "silent-3", "silent", None),
        (33, "silent-25", "silent; 22 times in the last 30 s", 22),
    ]


def test_a_state_that_lasts_is_exported_while_it_lasts() -> None:
    exported = Flapping().play(20, (1, 2), (3, 4), (5, 6), (7, 8), (9, 20))
    assert exported[3:] == [(14, "silent-9", "silent; 2 times in the last 9 s", 2)]


def test_for_as_long_as_it_goes_on_records_become_rarer() -> None:
    exported = Flapping().play(1000, *((second, second + 0.5) for second in range(1, 1000)))
    assert [at for at, *_ in exported] == [1, 2, 3, 33, 93, 213, 453, 933]
    counted = sum(count for *_, count in exported[3:] if isinstance(count, int))
    assert counted == 929, "entries 4 to 932; none is lost, none is counted twice"


def test_after_a_quiet_time_the_next_is_a_first_one_again() -> None:
    exported = Flapping().play(120, *((second, second + 0.5) for second in range(1, 10)), (80, 81))
    assert exported[-2:] == [(33, "silent-9", "silent; 6 times in the last 30 s", 6), (80, "silent-80", "silent", None)]


def test_the_end_of_the_process_waits_for_nothing() -> None:
    flapping = Flapping()
    flapping.play(6, *((second, second + 0.5) for second in range(1, 6)))
    (last,) = flapping.damper.due(106 * S, lasts=False, ended=True)
    assert (last.uid, last.attributes["lifesign.state.count"]) == ("silent-5", 2)
    assert flapping.damper.due(200 * S, lasts=False, ended=True) == []


@pytest.mark.parametrize("lasts", [True, False])
def test_nothing_is_due_where_nothing_was_held_back(lasts: bool) -> None:
    assert Damper().due(S, lasts=lasts, ended=True) == []


def test_a_single_one_that_was_held_back_is_exported_as_it_is() -> None:
    damper = Damper()
    for number in range(BURST):
        assert damper.enter(log(number), (100 + number) * S) == [log(number)]
    assert damper.enter(log(9), 109 * S) == []
    assert damper.due(109 * S, lasts=True, ended=True) == [log(9)]
