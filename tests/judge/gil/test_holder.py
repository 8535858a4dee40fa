"""Who holds the GIL, from stacks as every Python writes them and from what the kernel saw of the threads."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from lifesign.judge.gil.holder import GilHolder, holders, thread_text
from lifesign.judge.gil.stacks import Stacks, ThreadWords, parse
from lifesign.wire.frames import Frame
from lifesign.wire.stacks.offer import KnownThread, StacksOffer
from lifesign.wire.stacks.request import StacksRequest, ThreadUse
from support.fuzzing.chance import chances
from support.rows import rows

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.txt"))
OVER = 200_000_000
WAITS = ThreadUse("S", 900_000, 40, 1)  # for the GIL, 200 times a second
RESTS = ThreadUse("S", 0, 0, 1)  # since some time
RUNS = ThreadUse("R", 190_000_000, 20, 1)
OFFER = StacksOffer(
    43,
    12,
    {1: KnownThread(10, "MainThread"), 2: KnownThread(12, ""), 3: KnownThread(13, "clerk"), 4: KnownThread(14, "idle")},
)


def frame(function: str, file: str = "/srv/desk.py", line: int = 5) -> Frame:
    return {"function": function, "file": file, "line": line}


SELECT = frame("select", "/usr/lib/python3.12/selectors.py")
IN_QUEUE = frame("_worker", "/usr/lib/python3.12/concurrent/futures/thread.py")


def thread(ident: int, *frames: Frame, current: bool = False, name: str = "") -> ThreadWords:
    return ThreadWords(hex(ident), name, current, frames, False)


WATCHDOG = thread(2, frame("sleep", "/opt/lifesign/agent/native.py"), current=True)


def stacks(*threads: ThreadWords, whole: bool = True, **used: ThreadUse) -> Stacks:
    """As many threads; `used` by native ids, as ``t10``. The watchdog's is 12, and waits."""
    seen = {12: WAITS, **{int(name[1:]): use for name, use in used.items()}}
    return Stacks(StacksRequest(1, 7, OVER, seen), 1, threads, whole)


def found(of: Stacks, offer: StacksOffer | None = OFFER) -> list[tuple[str, str, bool | None, bool]]:
    return [(one.name, one.stack[-1]["function"], one.computes, one.certain) for one in holders(of, offer)]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_each_python_is_understood(sample: Path) -> None:
    answer = parse(sample.read_bytes())
    assert answer is not None
    content = json.loads(sample.with_suffix(".json").read_text())
    known = {ident: KnownThread(native, name) for ident, native, name in content["threads"]}
    (holder,) = holders(answer, StacksOffer(content["signal"], content["thread"], known))
    assert (holder.name, holder.computes, holder.certain) == ("MainThread", False, True)
    assert holder.stack[-1] == frame("handle", line=7)
    assert holder.stack[0] == frame("<module>", line=16)
    assert {one.current for one in answer.threads} == {True, False}
    # Without what the process says of its threads they are paired by when they began.
    (alone,) = holders(answer, None)
    assert (alone.name, alone.certain) == ("MainThread", True)


def test_who_waits_for_the_gil_does_not_hold_it() -> None:
    busy = thread(3, frame("count"))
    assert found(stacks(busy, WATCHDOG, thread(1, frame("match")), t10=RUNS, t13=WAITS)) == [
        ("MainThread", "match", True, True)
    ]
    assert found(stacks(busy, WATCHDOG, thread(1, SELECT), t10=WAITS, t13=RUNS)) == [("clerk", "count", True, True)]


def test_who_rests_where_the_gil_is_let_go_does_not_hold_it() -> None:
    idle = thread(4, IN_QUEUE)
    assert found(
        stacks(idle, thread(3, frame("scan")), WATCHDOG, thread(1, SELECT), t10=RESTS, t13=RESTS, t14=RESTS)
    ) == [("clerk", "scan", False, True)]
    assert found(stacks(idle, WATCHDOG, thread(1, SELECT), t10=RESTS, t14=RESTS)) == []


def test_where_a_thread_that_seems_to_wait_wants_a_processor_nothing_is_certain() -> None:
    about_to_run = WAITS._replace(state="R")
    resting, other = thread(3, frame("nap")), thread(1, frame("count"))
    assert found(stacks(resting, WATCHDOG, other, t10=about_to_run, t13=RESTS)) == [("clerk", "nap", False, False)]
    starved = ThreadUse("R", 3_500_000, 40, 1)  # it computes, in as many turns as the others wait
    assert found(stacks(resting, WATCHDOG, other, t10=starved, t13=RESTS)) == [("MainThread", "count", True, False)]


def test_another_thread_of_the_agent_is_no_suspect() -> None:
    sampler = thread(3, frame("sleep", "/opt/lifesign/agent/native.py"))
    assert found(stacks(sampler, WATCHDOG, thread(1, frame("scan")), t10=RESTS, t13=RESTS)) == [
        ("MainThread", "scan", False, True)
    ]


def test_of_two_that_rest_it_is_likelier_an_event_loop_then_the_users_own_code() -> None:
    both = {"t10": RESTS, "t13": RESTS}
    sleeper, loop = (
        thread(3, frame("nap")),
        thread(1, frame("scan"), frame("_run_once", "/usr/lib/python3.12/asyncio/base_events.py")),
    )
    assert [name for name, *_ in found(stacks(sleeper, WATCHDOG, loop, **both))] == ["MainThread", "clerk"]
    library = thread(3, frame("run", "/usr/lib/python3.12/threading.py"))
    assert [name for name, *_ in found(stacks(library, WATCHDOG, thread(1, frame("scan")), **both))] == [
        "MainThread",
        "clerk",
    ]
    assert not any(certain for *_, certain in found(stacks(sleeper, WATCHDOG, loop, **both)))


def test_one_that_computes_is_likelier_than_one_that_rests() -> None:
    assert found(stacks(thread(3, frame("nap")), WATCHDOG, thread(1, frame("match")), t10=RUNS, t13=RESTS)) == [
        ("MainThread", "match", True, False)
    ]


def test_of_two_that_compute_either_may_hold_it() -> None:
    both = found(stacks(thread(3, frame("multiply")), WATCHDOG, thread(1, frame("match")), t10=RUNS, t13=RUNS))
    assert [(name, certain) for name, _, _, certain in both] == [("clerk", False), ("MainThread", False)]


def test_a_thread_that_began_with_the_freeze_is_the_one_that_is_left_over() -> None:
    new = thread(9, frame("match"), IN_QUEUE)
    assert found(stacks(new, WATCHDOG, thread(1, SELECT), t10=WAITS, t99=RUNS)) == [
        ("of an executor", "match", True, True)
    ]
    # A library has a thread too: which is which cannot be seen.
    assert found(stacks(new, WATCHDOG, thread(1, SELECT), t10=WAITS, t98=RESTS, t99=RUNS)) == [
        ("of an executor", "match", None, True)
    ]
    two = stacks(thread(8, frame("other")), new, WATCHDOG, thread(1, SELECT), t10=WAITS, t97=RESTS, t98=WAITS, t99=RUNS)
    assert [certain for *_, certain in found(two)] == [False, False]


def test_threads_that_began_with_the_freeze_are_paired_in_their_order() -> None:
    first, second = thread(8, frame("fine")), thread(9, frame("match"))
    assert found(stacks(second, first, WATCHDOG, thread(1, SELECT), t10=WAITS, t50=WAITS, t51=RUNS)) == [
        ("", "match", True, True)
    ]


def test_a_name_that_only_the_dump_has() -> None:
    main = thread(1, SELECT, name="python3.14")
    assert (
        found(stacks(thread(9, frame("match"), name="pool_0"), WATCHDOG, main, t10=WAITS, t99=RUNS))[0][0] == "pool_0"
    )
    assert found(stacks(thread(9, frame("match"), name="python3.14"), WATCHDOG, main, t10=WAITS, t99=RUNS))[0][0] == ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MainThread", "the main thread"),
        ("pool_0", "thread pool_0"),
        ("", "a thread"),
        ("of an executor", "a thread of an executor"),
    ],
)
def test_how_a_thread_is_called(name: str, text: str) -> None:
    assert thread_text(name) == text


LINES = [line for path in SAMPLES for line in path.read_bytes().splitlines(keepends=True)]


@rows("rng", chances(20))
def test_whatever_is_written_there_is_read(rng: Random) -> None:
    answer = parse(b"".join(rng.choices(LINES, k=rng.randrange(40))))
    if answer is not None:
        assert all(isinstance(one, GilHolder) for one in holders(answer, OFFER))
