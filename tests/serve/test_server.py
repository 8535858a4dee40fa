"""The server binds or says why not, stays within its limits, and closes on time."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from typing import Any

import pytest
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from lifesign.errors import EXIT_USAGE, SettingError
from lifesign.serve import connections as connections_module
from lifesign.serve import server as server_module
from lifesign.serve.guard import SmallRequests
from lifesign.serve.server import Server
from support.made.client import Stage, ask, exchange, hang_up, parse, serving
from support.waiting import in_time

on_stage = pytest.mark.asyncio(loop_scope="module")


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


async def test_port_0_takes_a_free_port_and_the_url_tells_it() -> None:
    server = Server(hello, ("127.0.0.1", 0), setting="--page-addr")
    await server.start()
    try:
        assert server.url.startswith("http://127.0.0.1:")
        port = int(server.url.rpartition(":")[2])
        assert port > 0
        answer = await ask(port, "/")
        assert (answer.status, answer.body) == (200, b"hello")
        assert "server" not in answer.headers
        assert "date" not in answer.headers
    finally:
        await server.close()
    await server.close()
    with pytest.raises(ConnectionRefusedError):
        await ask(port, "/")


async def test_a_server_that_never_started_closes() -> None:
    await Server(hello, ("127.0.0.1", 0), setting="--page-addr").close()


async def test_signal_handlers_are_left_alone() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    async with serving(hello) as port:
        await ask(port, "/")
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


async def test_an_address_in_use_is_an_error_that_names_the_setting() -> None:
    async with serving(hello) as port:
        second = Server(hello, ("127.0.0.1", port), setting="LIFESIGN_PAGE_ADDR")
        with pytest.raises(SettingError) as caught:
            await second.start()
    assert caught.value.what == f"LIFESIGN_PAGE_ADDR=127.0.0.1:{port} cannot be listened on: Address already in use"
    assert "take another port" in caught.value.hint
    assert caught.value.exit_code == EXIT_USAGE


async def test_an_address_that_is_not_permitted_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*address: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(server_module, "_listen", refuse)
    with pytest.raises(SettingError, match=r"--health-addr=127\.0\.0\.1:80 cannot be listened on") as caught:
        await Server(hello, ("127.0.0.1", 80), setting="--health-addr").start()
    assert "above 1023" in caught.value.hint


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
async def test_an_address_of_another_machine_is_an_error(host: str) -> None:
    with pytest.raises(SettingError, match="--page-addr=" + host) as caught:
        await Server(hello, (host, 0), setting="--page-addr").start()
    assert "127.0.0.1" in caught.value.hint


async def test_a_name_of_several_addresses_takes_one_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(*args: Any, **kwargs: Any) -> Any:
        tcp = (socket.SOCK_STREAM, 0, "")
        return [(socket.AF_INET, *tcp, ("192.0.2.1", 0)), (socket.AF_INET, *tcp, ("127.0.0.1", 0))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
    server = Server(hello, ("localhost", 0), setting="--page-addr")
    await server.start()
    await server.close()
    assert server.url.startswith("http://127.0.0.1:")


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 in this Python")
async def test_an_ipv6_url_has_brackets() -> None:
    server = Server(hello, ("::1", 0), setting="--page-addr")
    try:
        await server.start()
    except SettingError:
        pytest.skip("no IPv6 on this machine")
    await server.close()
    assert server.url.startswith("http://[::1]:")


@on_stage
async def test_giant_headers_are_refused(stage: Stage) -> None:
    stage.app, port = SmallRequests(hello), stage.port
    whole = await ask(port, "/", x_big="a" * 40_000)
    assert whole.status == 431
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\nx-big: " + b"a" * 40_000)
    assert (await reader.readline()).split()[1] == b"400"
    await hang_up(writer)


@on_stage
async def test_what_is_no_http_is_refused(stage: Stage) -> None:
    stage.app, port = hello, stage.port
    assert parse(await exchange(port, b"\x16\x03\x01 hello\r\n\r\n")).status == 400


@on_stage
@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: "])
async def test_a_request_that_never_arrives_is_not_waited_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connections_module, "REQUEST_TIMEOUT_S", 0.02)
    stage.app, port = hello, stage.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    with pytest.raises((ConnectionError, EOFError)):
        await in_time(reader.readexactly(1))
    await hang_up(writer)


@on_stage
async def test_a_connection_is_kept_for_the_next_request_and_not_for_ever(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections_module, "REQUEST_TIMEOUT_S", 0.1)
    request = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
    stage.app, port = hello, stage.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for timeout in (0.1, 0.1, 60.0):
        monkeypatch.setattr(connections_module, "REQUEST_TIMEOUT_S", timeout)
        writer.write(request)
        assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
    await asyncio.sleep(0.12)  # longer than the timeout before each of the requests, which ended with it
    monkeypatch.setattr(connections_module, "REQUEST_TIMEOUT_S", 0.02)
    writer.write(request * 2)
    assert await reader.readuntil(b"hello")
    assert await reader.readuntil(b"hello")
    with pytest.raises((ConnectionError, EOFError)):
        await in_time(reader.readexactly(1))
    await hang_up(writer)


async def test_an_endless_answer_does_not_keep_the_server_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "GRACE_S", 0.02)
    monkeypatch.setattr(server_module, "CLOSE_S", 3600.0)  # it is not that which ends it
    ended = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        async def numbers() -> Any:
            try:
                while True:
                    yield b"x"
                    await asyncio.sleep(0.01)
            finally:
                ended.set()

        await StreamingResponse(numbers())(scope, receive, send)

    async def asked() -> None:
        async with serving(endless) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            await reader.readline()
        await hang_up(writer)

    await in_time(asked())
    assert ended.is_set()


async def test_an_answer_that_will_not_end_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "CLOSE_S", 0.03)
    stuck = asyncio.Event()

    async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
        stuck.set()
        await asyncio.Event().wait()

    async def asked() -> None:
        async with serving(deaf) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            await stuck.wait()
        await hang_up(writer)

    await in_time(asked())
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
