"""What tasks wait for inside of packages: pools of connections, and SQLAlchemy's greenlets, as these have them."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from lifesign.agent.tasks.waiting import blocks, waits
from lifesign.agent.tasks.walk import chain

PACKAGE = """
import types

@types.coroutine
def suspension():
    yield

async def get(self):
    await suspension()

async def query(self):
    await suspension()

async def greenlet_spawn(runs, context):
    await suspension()
"""


def package(name: str) -> dict[str, Any]:
    """Functions that lie where those of a package lie."""
    functions: dict[str, Any] = {}
    exec(compile(PACKAGE, f"/x/site-packages/{name}/pool.py", "exec"), functions)
    return functions


def made(cls: str, **attributes: Any) -> Any:
    """An object of a class of that name, in a module of that name."""
    module, _, name = cls.rpartition(".")
    thing = type(name, (), {"__module__": module})()
    vars(thing).update(attributes)
    return thing


def look(coroutine: Any) -> waits.Look:
    coroutine.send(None)
    try:
        return waits.look_alone(list(chain(coroutine)))
    finally:
        coroutine.close()


def waited(seen: waits.Look) -> tuple[Any, str] | None:
    return None if seen.wait is None else (seen.wait.thing, seen.wait.how)


def test_a_task_waits_for_a_pool_or_is_at_work_with_something_from_it() -> None:
    pool, asyncpg = made("asyncpg.pool.Pool"), package("asyncpg")
    waiting, working = look(asyncpg["get"](pool)), look(asyncpg["query"](pool))
    assert (waited(waiting), waiting.held) == ((pool, "get"), [])
    assert working.wait is None
    assert [thing for thing, _ in working.held] == [pool]


POOL = made("sqlalchemy.pool.impl.QueuePool")


class _AsyncIoGreenlet:
    """As SQLAlchemy has it."""

    def __init__(self) -> None:
        self.gr_frame: Any = None


class Engine:
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)

    def connect(self) -> None: ...


def _do_get(greenlet: _AsyncIoGreenlet, runs: Any) -> waits.Look:
    return get(greenlet, runs)


def get(greenlet: _AsyncIoGreenlet, runs: Any) -> waits.Look:
    """The innermost frame of a greenlet, while somebody looks at it."""
    greenlet.gr_frame = sys._getframe()
    return look(package("sqlalchemy")["greenlet_spawn"](runs, greenlet))


@pytest.mark.parametrize(
    "runs", [Engine(pool=POOL), Engine(bind=Engine(pool=POOL)), Engine(engine=SimpleNamespace(pool=POOL))]
)
def test_what_runs_in_a_greenlet_waits_for_the_pool_of_its_engine(runs: Engine) -> None:
    assert waited(_do_get(_AsyncIoGreenlet(), runs.connect)) == (POOL, "checkout")


@pytest.mark.parametrize("runs", [Engine(pool="no pool").connect, len])
def test_where_the_pool_is_not_found_nothing_is_said(runs: Any) -> None:
    assert _do_get(_AsyncIoGreenlet(), runs).wait is None


def test_a_greenlet_that_does_something_else_does_not_wait_for_the_pool() -> None:
    runs = Engine(pool=POOL).connect
    assert get(_AsyncIoGreenlet(), runs).wait is None  # a `get` of something else's
    assert look(package("sqlalchemy")["greenlet_spawn"](runs, _AsyncIoGreenlet())).wait is None  # it has not begun


class Session:
    def __init__(self, pool: Any) -> None:
        self.bind = SimpleNamespace(sync_engine=SimpleNamespace(pool=pool))
        self.sync_session = SimpleNamespace(_transaction=None)


Session.__name__ = "AsyncSession"


def test_a_session_stands_for_its_pool_only_while_it_has_a_connection() -> None:
    session = Session(POOL)
    assert list(blocks.behind(session)) == []
    session.sync_session._transaction = SimpleNamespace(_connections={"one": 1})
    assert list(blocks.behind(session)) == [POOL]


def test_a_manager_made_of_a_generator_stands_for_the_pool_in_it() -> None:
    def acquired(pool: Any) -> Any:
        yield pool

    manager = made("contextlib._GeneratorContextManager", gen=acquired(POOL))
    next(manager.gen)
    assert list(blocks.behind(manager)) == [POOL]
