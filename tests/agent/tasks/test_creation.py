"""A task factory notes where tasks are created; the loop can have its own again, and tasks keep their names."""

from __future__ import annotations

import asyncio
from typing import Any

from lifesign.agent.tasks import creation


async def test_the_loop_has_the_factory_again_that_it_had() -> None:
    loop = asyncio.get_running_loop()

    def own(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        return asyncio.Task(coroutine, loop=loop, **options)

    for factory in (None, own):
        loop.set_task_factory(factory)
        creation.track(loop)
        assert loop.get_task_factory() is not factory
        creation.untrack(loop)
        assert loop.get_task_factory() is factory
    creation.track(loop)
    loop.set_task_factory(own)  # the program's, set later: it is left alone
    creation.untrack(loop)
    assert loop.get_task_factory() is own
    loop.set_task_factory(None)


async def test_a_task_keeps_its_name_where_none_is_given_to_it() -> None:
    task: Any = creation.NamedTask(asyncio.sleep(0), name="consumer")
    task.set_name(None)
    assert task.get_name() == "consumer"
    task.set_name("producer")
    assert task.get_name() == "producer"
    assert repr(task).startswith("<Task pending name='producer'"), "as asyncio's own"
    await task
