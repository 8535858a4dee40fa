"""One odd object costs nobody else a thing: tasks, coroutines and names of all kinds stand beside an ordinary task."""

from __future__ import annotations

import asyncio
import collections.abc
import gc
import sys
import weakref
from typing import Any, Callable, Generator, Iterator

import pytest

import lifesign
from lifesign.agent.tasks import creation, own
from lifesign.agent.tasks.dump import Tasks
from lifesign.wire import layout
from support.waiting import eventually


class Ring(list):  # type: ignore[type-arg]
    """Keeps what a dump writes."""

    def groups(self) -> dict[str, dict[str, Any]]:
        return {one["stack"][0]["function"].rpartition(".")[2]: one for one in self if one["kind"] == "task_group"}


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


async def innocent() -> None:
    await asyncio.get_running_loop().create_future()


class Proxy(collections.abc.Coroutine):  # type: ignore[type-arg]
    """As werkzeug's and Django's: it stands for another object and raises outside of a request."""

    def __init__(self, coroutine: Any) -> None:
        object.__setattr__(self, "_coroutine", (coroutine,))

    def __getattribute__(self, name: str) -> Any:
        if name in ("send", "throw", "close", "_coroutine", "__await__", "__class__"):
            return object.__getattribute__(self, name)
        raise RuntimeError("working outside of request context")

    def send(self, value: Any) -> Any:
        return self._coroutine[0].send(value)

    def throw(self, *raised: Any) -> Any:
        return self._coroutine[0].throw(*raised)

    def close(self) -> None:
        self._coroutine[0].close()

    def __await__(self) -> Any:
        return self._coroutine[0].__await__()


class Leaves(BaseException):
    """No Exception."""


class OddTask(asyncio.Task):  # type: ignore[type-arg]
    """Every method that a dump could ask raises."""

    def _raises(self, *_: Any) -> Any:
        raise Leaves

    done = cancelled = get_name = get_coro = get_context = _raises


class Anonymous(asyncio.Task):  # type: ignore[type-arg]
    """Its name is no string."""

    def get_name(self) -> Any:
        return 5


class Meta(type):
    """A class whose name cannot be had."""

    @property
    def __name__(cls) -> Any:
        raise Leaves

    def __hash__(cls) -> int:
        raise Leaves


class Waits(metaclass=Meta):
    """An awaitable that drives a future and has no code."""

    def __await__(self) -> Iterator[Any]:
        return asyncio.get_running_loop().create_future().__await__()


class Wrapper:
    """As aiohttp's request contexts: an awaitable around one coroutine."""

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Any) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Any:
        return self

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self._coroutine.send(None)


async def awaits(awaitable: Any) -> None:
    await awaitable


def proxy() -> asyncio.Future[Any]:
    return asyncio.ensure_future(Proxy(forever()))


def odd_task() -> asyncio.Future[Any]:
    if sys.version_info >= (3, 14):
        pytest.skip("asyncio lists no task where one misbehaves")
    return OddTask(forever(), loop=asyncio.get_running_loop(), name="plain")


def anonymous() -> asyncio.Future[Any]:
    return Anonymous(forever(), loop=asyncio.get_running_loop())


def nameless_type() -> asyncio.Future[Any]:
    return asyncio.ensure_future(awaits(Waits()))


def half_a_pair() -> asyncio.Future[Any]:
    return asyncio.create_task(forever(), name="\ud800")


def long_name() -> asyncio.Future[Any]:
    return asyncio.create_task(forever(), name="x" * 1_000_000)


def ended_oddly() -> asyncio.Future[Any]:
    return OddTask(asyncio.sleep(0), loop=asyncio.get_running_loop())


KINDS = (proxy, odd_task, anonymous, nameless_type, half_a_pair, long_name, ended_oddly)


async def dump() -> Ring:
    ring, loop = Ring(), asyncio.get_running_loop()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.to_thread(Tasks(lambda: [loop]).dump, ring, "call", 0, lambda: None, whole=True)  # type: ignore[arg-type]
    return ring


def cancel(*tasks: Any) -> None:
    for task in tasks:
        asyncio.Task.cancel(task)


@pytest.mark.parametrize("kind", KINDS)
async def test_it_is_shown_and_so_is_the_task_beside_it(
    kind: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    task, beside = kind(), asyncio.create_task(innocent(), name="beside")
    ring = await dump()
    cancel(task, beside)
    assert ring[-1]["tasks"] == (2 if kind is ended_oddly else 3)  # with this test's own
    assert ring.groups()["innocent"]["names"] == ["beside"]
    if kind is nameless_type:
        assert ring.groups()["awaits"]["waits_for"] == "Future"
    assert caplog.text == ""


async def test_what_has_no_code_is_shown_by_its_type() -> None:
    task = proxy()
    ring = await dump()
    cancel(task)
    assert ring.groups()["Proxy"]["stack"] == [{"function": "Proxy", "file": "", "line": 0}]


@pytest.mark.parametrize(
    ("kind", "name"), [(odd_task, "plain"), (anonymous, "5"), (half_a_pair, "\ud800"), (long_name, "x" * 200)]
)
async def test_a_name_is_read_as_far_as_it_can_be(kind: Callable[[], Any], name: str) -> None:
    task = kind()
    ring = await dump()
    cancel(task)
    assert ring.groups()["forever"]["names"] == [name]


async def test_the_stack_goes_on_through_a_wrapper_around_one_coroutine() -> None:
    task = asyncio.ensure_future(awaits(Wrapper(forever())))
    ring = await dump()
    cancel(task)
    (stack,) = (group["stack"] for group in ring.groups().values() if len(group["stack"]) == 2)
    assert [frame["function"] for frame in stack] == ["awaits", "forever"]


async def test_tasks_of_our_own_are_in_no_count_and_no_list() -> None:
    asked = asyncio.Event()

    @lifesign.postcondition("waits")
    async def waits() -> None:
        asked.set()
        await asyncio.get_running_loop().create_future()

    loop = asyncio.get_running_loop()
    gc.collect()  # tasks of other tests
    before = Tasks(lambda: [loop]).count()
    asking = own.create(loop, lifesign.check_postconditions(), "ours")
    await asked.wait()
    assert Tasks(lambda: [loop]).count() == before
    ring = await dump()
    asking.cancel()
    await asyncio.wait({asking})
    assert Tasks(lambda: [loop]).count() == before  # it has ended, and somebody still has it
    assert (ring[-1]["tasks"], len(ring.groups())) == (1, 1)  # this test's own
    ring = await dump()
    assert not {"check_postconditions", "run_one", "_call"} & {kind["function"] for kind in ring[-1]["finished"]}


class Result:
    """What a task returned."""


@pytest.fixture
def tracked() -> Generator[None, None, None]:
    creation.finished.clear()
    yield
    creation.finished.clear()


async def test_what_is_noted_of_a_task_that_ended_keeps_neither_it_nor_its_result_alive(tracked: None) -> None:
    async def returns() -> Result:
        return Result()

    async def raises() -> None:
        raise OSError("gone")

    loop = asyncio.get_running_loop()
    complaints: list[str] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context["message"]))
    creation.track(loop)
    try:
        task = asyncio.create_task(returns())
        result = weakref.ref(await task)
        failing: asyncio.Task[Any] | None = asyncio.create_task(raises())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        failing = None
        gc.collect()
    finally:
        loop.set_task_factory(None)
    assert result() is None
    assert failing is None
    assert complaints == ["Task exception was never retrieved"]  # asyncio says so when it should
    ring = await dump()
    kinds = {kind["function"].rpartition(".")[2]: kind for kind in ring[-1]["finished"]}
    assert (kinds["returns"]["outcome"], kinds["returns"]["count"]) == ("returned Result", 1)
    assert (kinds["raises"]["outcome"], kinds["raises"]["message"]) == ("raised OSError", "gone")


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="asyncio forgets finished tasks")
async def test_all_finished_tasks_that_are_kept_are_counted(tracked: None) -> None:
    async def request() -> int:
        return 1

    kept = [asyncio.create_task(request()) for _ in range(1000)]
    await asyncio.gather(*kept)
    ring = await dump()
    (kind,) = (kind for kind in ring[-1]["finished"] if kind["function"].endswith("request"))
    assert (kind["outcome"], kind["count"]) == ("returned int", 1000)
    kept.clear()


def test_a_dump_that_fails_is_not_tried_again_at_each_beat(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    dumps: list[str] = []

    def fails(self: Tasks, ring: Any, reason: str, *rest: Any, **options: Any) -> None:
        dumps.append(reason)
        raise Leaves

    monkeypatch.setattr(Tasks, "dump", fails)
    pulse = started(LIFESIGN_HEARTBEAT_INTERVAL="0.003")
    pulse.reader.request(layout.REQUEST_DUMP)
    eventually(lambda: dumps)
    beats = pulse.reader.vitals().watchdog.beats
    eventually(lambda: pulse.reader.vitals().watchdog.beats > beats + 5)
    assert dumps == ["request"]
    assert pulse.reader.vitals().watchdog.dumps == 1
