"""The health endpoints over HTTP: 200 or 503, why on demand, by IP address, as the kubelet connects."""

from __future__ import annotations

import pytest

from lifesign.serve.board import Board
from lifesign.serve.endpoints import health_app
from lifesign.serve.health import SidecarHealth
from support.made.boards import snapshot
from support.made.client import Stage, ask

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def port(stage: Stage, board: Board) -> int:
    stage.app = health_app(board, lambda: SidecarHealth(board.poll_age(), 0.25))
    return stage.port


async def test_before_the_first_poll_the_sidecar_lives_and_is_not_ready(port: int) -> None:
    assert (await ask(port, "/livez")).status == 200
    answer = await ask(port, "/readyz?verbose")
    assert answer.status == 503
    assert answer.body == b"[-] watcher failed: has not polled yet\nfailed\n"


async def test_an_endpoint_for_each_probe(port: int, board: Board) -> None:
    board.update([snapshot(state="starting", boot="starting")])
    paths = ["/livez", "/readyz", "/app/livez", "/app/readyz", "/app/startupz", "/healthz"]
    assert [(await ask(port, path)).status for path in paths] == [200, 200, 200, 503, 503, 404]


async def test_the_answer_is_one_word(port: int, board: Board) -> None:
    board.update([snapshot()])
    answer = await ask(port, "/app/livez")
    assert (answer.body, answer.headers["content-type"]) == (b"ok\n", "text/plain; charset=utf-8")
    board.update([snapshot(state="blocked")])
    assert (await ask(port, "/app/livez")).body == b"failed\n"


async def test_verbose_gives_one_line_a_process(port: int, board: Board) -> None:
    board.update([snapshot("1-a"), snapshot("2-b", "blocked", why="no beat for 4.0 s")])
    answer = await ask(port, "/app/livez?verbose")
    assert answer.status == 503
    assert answer.body == (
        b"[+] 1-a ok: healthy: because healthy\n[-] 2-b failed: blocked: no beat for 4.0 s\nfailed\n"
    )


async def test_a_process_that_is_no_longer_watched_does_not_count(port: int, board: Board) -> None:
    board.update([snapshot(state="blocked")])
    board.update([])
    assert (await ask(port, "/app/livez")).status == 200
    assert (await ask(port, "/app/readyz")).status == 503


async def test_the_kubelet_connects_to_the_ip_address_of_the_pod(port: int) -> None:
    assert (await ask(port, "/livez", host="10.42.0.7:8081")).status == 200


async def test_nobody_can_announce_a_stop_over_the_network(port: int) -> None:
    assert (await ask(port, "/app/stopping")).status == 404


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 405)])
async def test_only_reading_is_allowed(port: int, method: str, status: int) -> None:
    assert (await ask(port, "/livez", method)).status == status


async def test_a_body_is_refused(port: int) -> None:
    assert (await ask(port, "/livez", content_length="5")).status == 413
