"""Ready-made checks against real sockets and files: what holds, and what is said of what does not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

import lifesign
from lifesign.agent.checks import stores
from lifesign.agent.checks.ready_made import made
from lifesign.agent.checks.registry import registry
from lifesign.agent.checks.results import Result
from lifesign.agent.checks.runner import Postcondition
from lifesign.checkspec import parse


def said(spec: str) -> Result:
    """What a post-condition of that check reports."""
    (result,) = asyncio.run(registry.run([Postcondition("it", made(parse(spec)))], None)).results
    return result


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_tcp_port_holds_while_something_listens(port: int) -> None:
    assert said(f"tcp:{port}").passed
    assert said(f"tcp:127.0.0.1:{port}").passed


def test_a_port_where_nobody_listens_is_refused() -> None:
    with socket.socket() as bound:  # bound and not listening: nobody else gets it meanwhile
        bound.bind(("127.0.0.1", 0))
        result = said(f"tcp:127.0.0.1:{bound.getsockname()[1]}")
    assert (result.passed, result.error) == (False, "ConnectionRefusedError")
    assert result.reason.endswith("Connection refused")


def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(path)
        listener.listen()
        assert said(f"unix:{path}").passed
    assert said(f"unix:{path}").error == "ConnectionRefusedError"  # the file is still there
    assert said(f"unix:{path}.no").error == "FileNotFoundError"


def test_a_files_age(tmp_path: Path) -> None:
    path = tmp_path / "alive"
    assert said(f"file:{path}").error == "FileNotFoundError"
    path.touch()
    assert said(f"file:{path}<600s").passed
    long_ago = time.time() - 1000
    os.utime(path, (long_ago, long_ago))
    assert said(f"file:{path}").passed
    result = said(f"file:{path}<600s")
    assert result.reason.endswith(" s old, 600 s is the limit")
    os.utime(path, (time.time() + 1000, time.time() + 1000))  # a clock that was set back
    assert said(f"file:{path}<600s").passed


class _Web(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.seen.append(  # type: ignore[attr-defined]
            (self.path, self.headers.get("Authorization", ""), self.headers["User-Agent"])
        )
        self.send_response(int(self.path[1:4]))
        self.send_header("Location", "http://nowhere.invalid/")
        self.end_headers()

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def web() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """The address of a server that answers with the status that its path begins with, and what it was asked."""
    with HTTPServer(("127.0.0.1", 0), _Web) as server:
        server.seen = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}", server.seen  # type: ignore[attr-defined]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "passed"), [(200, True), (204, True), (302, True), (404, False), (503, False)])
def test_a_url_holds_with_2xx_and_3xx(web: tuple[str, list[Any]], status: int, passed: bool) -> None:
    address, seen = web
    result = said(f"http://{address}/{status}?q=1")
    assert result.passed is passed
    assert passed or result.reason.startswith(f"status {status} ")
    assert seen == [(f"/{status}?q=1", "", f"lifesign/{lifesign.__version__}")]  # no redirect was followed


def test_a_url_goes_past_the_environments_proxy(web: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert said(f"http://u:p@{web[0]}/200").passed
    assert web[1][0][1] == "Basic dTpw"


def test_what_does_not_speak_http_is_an_error(port: int) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert said(f"http://127.0.0.1:{bound.getsockname()[1]}/").error == "ConnectionRefusedError"


def test_a_database_without_a_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("asyncpg", "psycopg", "psycopg2"):
        monkeypatch.setitem(sys.modules, name, None)
    assert said("postgres://u:hunter2@db/x").reason == (
        "no Postgres driver is installed: pip install asyncpg, psycopg or psycopg2"
    )


def test_no_text_of_a_store_repeats_the_password() -> None:
    spec = parse("postgres://u:s%2Fc@db/x?sslpassword=t0p")
    text = "bad token 's%2Fc' or 's/c' in postgres://u:s%2Fc@db/x?sslpassword=t0p"
    assert stores._without_secrets(text, spec) == "bad token '***' or '***' in postgres://u:***@db/x?***"


def test_one_that_cannot_be_understood_fails_with_what_to_write() -> None:
    lifesign.check("tcp:http", name="web")
    report = asyncio.run(lifesign.check_postconditions())
    assert report.diagnostic == "Post-conditions failed: web: wants tcp:PORT or tcp:HOST:PORT"


def test_one_registered_in_code_has_the_options_of_any(port: int) -> None:
    lifesign.check(f"tcp:{port}", timeout=1.5, every=9.0, critical=False)
    (one,) = registry.registered()
    assert (one.name, one.timeout, one.every, one.critical) == (f"tcp:{port}", 1.5, 9.0, False)
    assert asyncio.run(lifesign.check_postconditions()).passed


async def test_the_variable_registers_them_in_a_process_that_has_no_line_of_ours(
    started: Callable[..., Any], port: int
) -> None:
    started(LIFESIGN_CHECKS=f"web=tcp:127.0.0.1:{port},tcp:x,file:/no/such")
    assert [(one.name, one.every, one.critical) for one in registry.registered()] == [
        ("web", 30.0, True),
        ("file:/no/such", 30.0, True),
    ]
    report = await lifesign.check_postconditions()
    assert [result.passed for result in report.results] == [True, False]


@pytest.fixture
def redis() -> Iterator[Callable[[list[bytes]], int]]:
    """Serves one connection with so many replies, one for each command; the port."""
    with contextlib.ExitStack() as opened:

        def serve(replies: list[bytes]) -> int:
            listener = opened.enter_context(socket.create_server(("127.0.0.1", 0)))

            def answer() -> None:
                client, _ = listener.accept()
                with client:
                    for reply in replies:
                        client.recv(1024)
                        client.sendall(reply)

            thread = threading.Thread(target=answer)
            thread.start()
            opened.callback(thread.join)
            return int(listener.getsockname()[1])

        yield serve


@pytest.mark.parametrize(
    ("spec", "replies", "reason"),
    [
        ("redis://localhost:{}", [b"+PONG\r\n"], ""),
        ("redis://u:hunter2@127.0.0.1:{}", [b"+OK\r\n", b"+PONG\r\n"], ""),
        ("redis://u:hunter2@127.0.0.1:{}", [b"-WRONGPASS hunter2 is none\r\n"], "WRONGPASS *** is none"),
        ("redis://127.0.0.1:{}", [b""], "it closed the connection"),
        ("rediss://127.0.0.1:{}", [b"+PONG\r\n"], "WRONG_VERSION_NUMBER"),
    ],
)
def test_redis(redis: Callable[[list[bytes]], int], spec: str, replies: list[bytes], reason: str) -> None:
    result = said(spec.format(redis(replies)))
    assert result.passed == (not reason)
    assert reason.lower() in result.reason.lower()


def test_postgres_by_what_the_app_has(monkeypatch: pytest.MonkeyPatch) -> None:
    class Driver:
        """As psycopg, and as asyncpg."""

        def __init__(self) -> None:
            self.calls: list[object] = []

        def connect(self, url: str, connect_timeout: int) -> Any:
            self.calls.append((url, connect_timeout))
            return self

        def cursor(self) -> Any:
            return self

        def execute(self, statement: str) -> None:
            self.calls.append(statement)

        def close(self) -> None:
            self.calls.append("closed")

    driver = Driver()
    monkeypatch.setattr(stores, "_DRIVERS", ("psycopg",))
    monkeypatch.setitem(sys.modules, "psycopg", driver)
    assert said("postgres://db/x").passed
    assert driver.calls == [("postgres://db/x", 3), "select 1", "closed"]
    monkeypatch.setattr(stores, "_DRIVERS", ("no_such_driver",))
    assert said("postgres://db/x").reason.startswith("no Postgres driver is installed")
