"""The last hours: the worst of each step, in bounded memory, whatever the clock does."""

from __future__ import annotations

from lifesign.serve.shown.timeline import STEP_S, STEPS, SavedTimeline, Timeline

STEP = STEP_S * 1000


def test_a_step_has_the_worst_delay_and_the_worst_state() -> None:
    timeline = Timeline()
    for delay, state in ((0.004, "healthy"), (5.1, "blocked"), (None, "healthy")):
        timeline.add(7 * STEP, delay, state)
    timeline.add(8 * STEP, 0.002, "healthy")
    timeline.add(10 * STEP + 1, None, "dead")
    view = timeline.view()
    assert (view.start, view.step) == (7 * STEP, 10_000)
    assert view.delays == [5100, 2, -1, -1]
    assert [view.letters.get(letter, "") for letter in view.states] == ["blocked", "healthy", "", "dead"]


def test_only_newer_steps_are_asked_for() -> None:
    timeline = Timeline()
    for step in range(5, 9):
        timeline.add(step * STEP, step / 1000, "healthy")
    assert timeline.view(after=7 * STEP).delays == [7, 8]
    assert timeline.view(after=99 * STEP).delays == []
    assert timeline.view(after=1).start == 5 * STEP


def test_a_day_takes_no_more_than_six_hours_and_the_newest_stay() -> None:
    timeline = Timeline()
    for step in range(3 * STEPS):
        timeline.add(step * STEP, 0.001, "healthy")
    view = timeline.view()
    assert len(view.states) == STEPS
    assert view.start == 2 * STEPS * STEP
    assert len(timeline._states) <= STEPS * 1.2


def test_a_clock_that_jumps_breaks_nothing() -> None:
    timeline = Timeline()
    timeline.add(100 * STEP, 0.001, "healthy")
    timeline.add(50 * STEP, 0.009, "silent")
    assert timeline.view().delays == [9], "set back: the newest step goes on"
    timeline.add(10**9 * STEP, 0.002, "healthy")
    assert (timeline.view().start, timeline.view().delays) == (10**9 * STEP, [2])
    timeline.add(101 * STEP, 0.003, "healthy")
    assert (timeline.view().start, timeline.view().delays) == (101 * STEP, [3]), "set right after hours: begun anew"
    assert Timeline().view().states == ""


def test_the_next_sidecar_goes_on_with_it_and_a_forged_one_is_left_out() -> None:
    earlier, later = Timeline(), Timeline()
    earlier.add(5 * STEP, 4.0, "blocked")
    later.recall(earlier.saved())
    later.add(7 * STEP, 0.002, "healthy")
    view = later.view()
    assert (view.start, view.delays) == (5 * STEP, [4000, -1, 2])
    forged = (
        SavedTimeline(5, [1, 2], "h"),
        SavedTimeline(-5, [1], "h"),
        SavedTimeline(1 << 50, [1], "h"),
        SavedTimeline(5, [1], "<"),
    )
    for one in forged:
        timeline = Timeline()
        timeline.recall(one)
        assert timeline.view().states == ""
    endless = Timeline()
    endless.recall(SavedTimeline(0, [10**12] * 2 * STEPS, "h" * 2 * STEPS))
    assert endless.view().start == STEPS * STEP
    assert set(endless.view().delays) == {10**9}
