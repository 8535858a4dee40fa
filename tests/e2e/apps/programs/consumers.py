"""Consumers that put one message into the queue that they read, say so when it comes, and go on."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

logging.disable(logging.CRITICAL)  # how often they try again depends on the moment


async def amqp() -> None:
    import aio_pika

    connection = await aio_pika.connect_robust(os.environ["AMQP_URL"], reconnect_interval=0.2)
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(f"jobs-{os.getpid()}", auto_delete=True)
        await channel.default_exchange.publish(aio_pika.Message(b"job"), queue.name)
        async with queue.iterator() as jobs:
            async for job in jobs:
                async with job.process():
                    print("consuming", flush=True)


async def kafka() -> None:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    topic = f"jobs-{os.getpid()}"
    async with AIOKafkaProducer(bootstrap_servers=os.environ["KAFKA_SERVERS"]) as producer:
        await producer.send_and_wait(topic, b"job")
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=os.environ["KAFKA_SERVERS"],
        group_id=topic,
        auto_offset_reset="earliest",
    )
    async with consumer:
        async for _ in consumer:
            print("consuming", flush=True)


asyncio.run({"amqp": amqp, "kafka": kafka}[sys.argv[1]]())
