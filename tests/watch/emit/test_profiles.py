"""The samples of stalls become profiles, each of what is new since the one before."""

from __future__ import annotations

import time
from typing import Any, Callable

import pytest

from lifesign.watch.emit.stalls.profiles import Profiles
from lifesign.watch.emit.transitions import SpanIds
from lifesign.watch.telemetry import Log, Profile, Span
from lifesign.wire.frames import Frame
from lifesign.wire.layout import CULPRITS_MAX
from lifesign.wire.stalls import BusyLoop, StackTime, StallCulprit

MAIN: Frame = {"function": "main", "file": "app.py", "line": 9}
RENDER: Frame = {"function": "render", "file": "app.py", "line": 70}
APP = {"trace": "a" * 32, "span": "b" * 16}


def stack(*frames: Frame, samples: int, time: int, computing: int = 0) -> StackTime:
    return {"stack": list(frames), "samples": samples, "time": time, "computing": computing}


def stalls(count: int, total: int, last: int, *stacks: StackTime, **more: Any) -> StallCulprit:
    record: dict[str, Any] = {
        "kind": "stall_culprit", "id": 1, "what": "call", "loop": 0, "thread": "", "place": RENDER, "count": count,
        "total": total, "worst": total, "last": last, "samples": count, "computing": 0, "task": "", "coroutine": "",
        "trace": None, "span": None, "stacks": list(stacks), "at": last, **more,
    }  # fmt: skip
    return record  # type: ignore[return-value]


def spin(since: int, at: int, *stacks: StackTime) -> BusyLoop:
    return {
        "kind": "busy_loop", "loop": 0, "since": since, "at": at, "utilization": 1.0, "samples": 9, "in_place": 9,
        "place": RENDER, "stacks": list(stacks),
    }  # fmt: skip


def unblocked(slot: int, at: int) -> None:
    """No loop was reported."""


def test_a_profile_has_what_is_new() -> None:
    profiles = Profiles("7-abc", unblocked)
    [first] = profiles.of(stalls(1, 300, 1_000, stack(MAIN, RENDER, samples=3, time=300, computing=250)), "r-1")
    assert (first.resource, first.start, first.end) == ("7-abc", 700, 1_000)
    assert first.stacks == [stack(MAIN, RENDER, samples=3, time=300, computing=250)]
    assert first.attributes == {
        "lifesign.stall.kind": "call",
        "lifesign.eventloop": 0,
        "code.function.name": "render",
        "code.file.path": "app.py",
        "code.line.number": 70,
    }
    [second] = profiles.of(
        stalls(
            3,
            900,
            5_000,
            stack(MAIN, RENDER, samples=7, time=700, computing=500),
            stack(RENDER, samples=2, time=200),
            thread="worker",
        ),
        "r-2",
    )
    assert (second.start, second.end) == (1_000, 5_000), "two stalls: somewhere since the one before"
    assert second.stacks == [
        stack(MAIN, RENDER, samples=4, time=400, computing=250),
        stack(RENDER, samples=2, time=200),
    ]
    assert second.thread == "worker"
    assert first.id != second.id
    assert len(bytes.fromhex(second.id)) == 16
    assert profiles.of(stalls(4, 950, 6_000, stack(MAIN, RENDER, samples=7, time=700)), "r-3") == [], "no new sample"


def test_what_the_process_forgot_is_new_again() -> None:
    profiles = Profiles("7-abc", unblocked)
    profiles.of(stalls(1, 300, 1_000, stack(RENDER, samples=5, time=300)), "r-1")
    [again] = profiles.of(stalls(2, 400, 2_000, stack(RENDER, samples=1, time=100)), "r-2")
    assert again.stacks == [stack(RENDER, samples=1, time=100)]


def test_a_stall_belongs_to_the_span_of_its_block_or_else_to_the_apps() -> None:
    asked = []

    def blocked(slot: int, at: int) -> tuple[SpanIds, int] | None:
        asked.append((slot, at))
        return (SpanIds("c" * 32, "d" * 16), 5_000) if at in (9_000, 9_900) else None

    profiles = Profiles("7-abc", blocked)
    sampled = [stack(RENDER, samples=n, time=n) for n in range(1, 5)]
    [short] = profiles.of(stalls(1, 300, 1_000, sampled[0], **APP), "r-1")
    assert (short.trace, short.span) == ("a" * 32, "b" * 16)
    [long] = profiles.of(stalls(2, 4_300, 9_000, sampled[1], **APP, worst=4_000), "r-2")
    assert (long.trace, long.span) == ("c" * 32, "d" * 16)
    assert asked == [(0, 1_000), (0, 9_000)]
    [other] = profiles.of(stalls(3, 4_400, 9_500, sampled[2], **APP, worst=4_000), "r-3")
    assert (other.trace, other.span) == (None, None), "the app's span is that of the worst stall"
    [two] = profiles.of(stalls(5, 9_400, 9_800, sampled[3], **APP, worst=2_500), "r-4")
    assert (two.trace, two.span) == (None, None), "of several stalls there is no one span"
    [most] = profiles.of(stalls(7, 14_400, 9_900, stack(RENDER, samples=9, time=9), **APP, worst=4_500), "r-5")
    assert most.span == "d" * 16, "but one that has most of it"
    [little] = profiles.of(stalls(9, 34_400, 9_900, stack(RENDER, samples=99, time=99), **APP, worst=4_500), "r-6")
    assert little.span is None


def test_a_spin_goes_on_until_another_begins() -> None:
    profiles = Profiles("7-abc", unblocked)
    [first] = profiles.of(spin(1_000, 4_000, stack(RENDER, samples=30, time=3_000, computing=3_000)), "r-1")
    assert (first.start, first.end) == (1_000, 4_000)
    [more] = profiles.of(spin(1_000, 6_000, stack(RENDER, samples=50, time=5_000, computing=5_000)), "r-2")
    assert (more.start, more.end) == (4_000, 6_000)
    assert more.stacks == [stack(RENDER, samples=20, time=2_000, computing=2_000)]
    [other] = profiles.of(spin(8_000, 9_000, stack(RENDER, samples=10, time=1_000)), "r-3")
    assert (other.start, other.stacks[0]["samples"]) == (8_000, 10)
    assert profiles.of(spin(8_000, 9_500), "r-4") == [], "it is over"


def test_what_a_hostile_process_writes_is_bounded() -> None:
    profiles = Profiles("7-abc", unblocked)
    made = [
        profiles.of(stalls(1, 300, 1_000, stack(RENDER, samples=1, time=1), id=number), f"r-{number}")
        for number in range(CULPRITS_MAX + 1)
    ]
    assert [len(one) for one in made] == [1] * CULPRITS_MAX + [0]
    backwards = profiles.of(stalls(0, -5, -1_000, stack(RENDER, samples=-1, time=-1), id=1), "r")
    assert backwards == []
    assert profiles.of({**spin(1, 2, stack(RENDER, samples=1, time=1)), "loop": 1 << 20}, "r") == []


@pytest.mark.parametrize("reads_late", [False, True])
async def test_the_samples_of_a_block_are_linked_to_its_span(
    main: Callable[..., Any], sidecar: Callable[..., Any], reads_late: bool
) -> None:
    service, watching = main(), sidecar()
    watching.has_watched_for_long()
    service.beat(age=5.0, watchdog_age=0.0)
    assert [type(one) for one in await watching.poll()] == [Log]
    service.beat()
    reported = await watching.poll() if reads_late else []  # the span is made before the samples are there
    ended = time.time_ns()
    service.pulse.ring.append(
        stalls(1, 4_900_000_000, ended, stack(MAIN, RENDER, samples=49, time=4_900_000_000), **APP)
    )
    reported += await watching.poll()
    (span,) = [one for one in reported if isinstance(one, Span)]
    (profile,) = [one for one in reported if isinstance(one, Profile)]
    assert span.name == "eventloop blocked"
    assert (profile.trace, profile.span) == (span.trace, span.id)
    later = stalls(2, 5_200_000_000, ended + 3_000_000_000, stack(MAIN, RENDER, samples=52, time=5_200_000_000))
    service.pulse.ring.append(later)
    (profile,) = [one for one in await watching.poll() if isinstance(one, Profile)]
    assert (profile.trace, profile.span) == (None, None), "another stall"


async def test_a_restarted_sidecar_counts_no_sample_twice(
    main: Callable[..., Any], sidecar: Callable[..., Any]
) -> None:
    service, watching = main(), sidecar()
    service.pulse.ring.append(stalls(1, 300, 1_000, stack(RENDER, samples=3, time=300)))
    assert len([one for one in await watching.poll() if isinstance(one, Profile)]) == 1
    again = sidecar()
    service.pulse.ring.append(stalls(2, 500, 2_000, stack(RENDER, samples=5, time=500)))
    (profile,) = [one for one in await again.poll() if isinstance(one, Profile)]
    assert profile.stacks == [stack(RENDER, samples=2, time=200)]
