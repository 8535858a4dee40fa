"""Workers of job queues, on a Redis of the test: what their commands load from here."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

URL = os.environ["REDIS_URL"]


def _celery() -> Any:
    from celery import Celery

    queue = Path.home() / "queue"
    for name in ("in", "control"):
        (queue / name).mkdir(parents=True, exist_ok=True)
    folders = {"data_folder_in": queue / "in", "data_folder_out": queue / "in", "control_folder": queue / "control"}
    app = Celery("jobs", broker="filesystem://", broker_transport_options=folders)
    app.conf.update(broker_connection_retry_on_startup=True)

    @app.task
    def work() -> int:
        return asyncio.run(asyncio.sleep(0.01, 1))

    return app


def _taskiq() -> Any:
    """A broker to which nothing comes."""
    from taskiq import InMemoryBroker

    class Broker(InMemoryBroker):
        async def listen(self) -> Any:
            await asyncio.Event().wait()
            yield b""

    return Broker()


def _faststream() -> Any:
    from faststream import FastStream
    from faststream.redis import RedisBroker

    broker = RedisBroker(URL)

    @broker.subscriber("orders")
    async def work(text: str) -> None:
        await asyncio.sleep(0.01)

    return FastStream(broker)


def _huey() -> Any:
    from huey import RedisHuey

    return RedisHuey("jobs", url=URL)


async def work(context: Any) -> None:
    await asyncio.sleep(0.01)


def _arq() -> Any:
    from arq.connections import RedisSettings

    class Settings:
        functions = (work,)
        redis_settings = RedisSettings.from_dsn(URL)

    return Settings


_made: dict[str, Any] = {}


def __getattr__(name: str) -> Any:
    make = globals().get(f"_{name}")
    if make is None or name.startswith("_"):
        raise AttributeError(name)
    if name not in _made:
        _made[name] = make()
    return _made[name]
