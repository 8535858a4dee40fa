"""Servers that are started by a program of one's own: ``servers.py NAME PORT``."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

WORD = "hello"


def aiohttp(port: int) -> None:
    from aiohttp import web

    async def home(request: Any) -> Any:
        return web.Response(text=WORD)

    app = web.Application()
    app.add_routes([web.get("/", home)])
    web.run_app(app, host="127.0.0.1", port=port)


def tornado(port: int) -> None:
    import tornado.web

    class Home(tornado.web.RequestHandler):
        async def get(self) -> None:
            self.write(WORD)

    async def serve() -> None:
        tornado.web.Application([("/", Home)]).listen(port, "127.0.0.1")
        await asyncio.Event().wait()

    asyncio.run(serve())


def websockets(port: int) -> None:
    from websockets.asyncio.server import serve

    async def echo(connection: Any) -> None:
        async for message in connection:
            await connection.send(message)

    async def run() -> None:
        async with serve(echo, "127.0.0.1", port) as server:
            await server.serve_forever()

    asyncio.run(run())


def grpc(port: int) -> None:
    import grpc.aio

    async def serve() -> None:
        server = grpc.aio.server()
        server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        try:
            await server.wait_for_termination()
        finally:
            await server.stop(1)

    asyncio.run(serve())


def twisted(port: int) -> None:
    from twisted.internet import asyncioreactor

    asyncioreactor.install(asyncio.new_event_loop())
    from twisted.internet import endpoints, reactor
    from twisted.web import resource, server

    class Home(resource.Resource):
        isLeaf = True  # noqa: N815 - twisted's word

        def render_GET(self, request: Any) -> bytes:  # noqa: N802
            return WORD.encode()

    endpoints.serverFromString(reactor, f"tcp:{port}:interface=127.0.0.1").listen(server.Site(Home()))
    reactor.run()


def trio(port: int) -> None:
    """No asyncio at all."""
    import trio

    async def answer(stream: Any) -> None:
        await stream.receive_some(65536)
        await stream.send_all(b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\n" + WORD.encode())
        await stream.aclose()

    trio.run(trio.serve_tcp, answer, port)


def anyio(port: int) -> None:
    import anyio

    async def answer(stream: Any) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\n" + WORD.encode())

    async def serve() -> None:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port)
        await listener.serve(answer)

    anyio.run(serve)


def eventlet(port: int) -> None:
    """A hub of its own over asyncio, and everything patched."""
    import eventlet

    eventlet.monkey_patch()
    import eventlet.wsgi
    from asgi import wsgi

    eventlet.wsgi.server(eventlet.listen(("127.0.0.1", port)), wsgi, log_output=False)


def asyncssh(port: int) -> None:
    import asyncssh

    async def serve() -> None:
        key = asyncssh.generate_private_key("ssh-ed25519")
        async with await asyncssh.listen("127.0.0.1", port, server_host_keys=[key]) as server:
            await server.wait_closed()

    asyncio.run(serve())


def amqtt(port: int) -> None:
    """A broker, and a client in the same loop."""
    from amqtt.broker import Broker

    async def serve() -> None:
        broker = Broker({"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}})
        await broker.start()
        try:
            await asyncio.Event().wait()
        finally:
            await broker.shutdown()

    asyncio.run(serve())


def modbus(port: int) -> None:
    from pymodbus.datastore import ModbusDeviceContext, ModbusServerContext
    from pymodbus.server import StartAsyncTcpServer

    asyncio.run(StartAsyncTcpServer(ModbusServerContext(ModbusDeviceContext()), address=("127.0.0.1", port)))


def nats(port: int) -> None:
    """A client of a broker, which sends to itself."""
    import nats

    async def serve() -> None:
        client = await nats.connect(os.environ["NATS_URL"], name="shop")
        heard = asyncio.Event()

        async def hear(message: Any) -> None:
            heard.set()

        await client.subscribe(f"orders.{port}", cb=hear)
        await client.publish(f"orders.{port}", b"one")
        await heard.wait()
        print("heard", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            await client.drain()

    asyncio.run(serve())


def apscheduler(port: int) -> None:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    async def serve() -> None:
        scheduler = AsyncIOScheduler()
        scheduler.add_job(lambda: None, "interval", seconds=0.2)
        scheduler.start()
        async with await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", port) as server:
            await server.serve_forever()

    asyncio.run(serve())


globals()[sys.argv[1]](int(sys.argv[2]))
