"""The page's HTTP side: what it serves, to whom, and what it never does for another site."""

from __future__ import annotations

import asyncio

import pytest

from lifesign.errors import NotAnsweredError, NotWatchedError
from lifesign.serve import page as page_module
from lifesign.serve.board import Board
from lifesign.serve.page import STREAMS, page_app
from support.made.boards import dump_log, group_log, log, snapshot
from support.made.client import Answer, Stage, ask, exchange, listen, parse
from support.rows import rows

pytestmark = pytest.mark.asyncio(loop_scope="module")


HOSTILE = "<img src=x onerror=alert(1)></script>\u2028\x00\"'"
asked: list[str] = []


def request_dump(key: str) -> int:
    if key == "9-gone":
        raise NotWatchedError("there is no process 9-gone", "lifesign status lists them")
    if key == "8-full":
        raise NotAnsweredError("the pulse cannot be written")
    asked.append(key)
    return 7


@pytest.fixture
def board() -> Board:
    asked.clear()
    return Board()


@pytest.fixture
def port(stage: Stage, board: Board) -> int:
    stage.app = page_app(board, request_dump, host="10.1.2.3")
    return stage.port


@pytest.mark.parametrize(
    ("path", "kind", "part"),
    [
        ("/", "text/html", b'<script type="module" src="app.js">'),
        ("/app.js", "text/javascript", b"EventSource"),
        ("/app.css", "text/css", b"prefers-color-scheme: dark"),
        ("/card.js", "text/javascript", b"class Card"),
        ("/dump.js", "text/javascript", b"X-Lifesign"),
        ("/stalls.js", "text/javascript", b"class StallsSection"),
        ("/strip.js", "text/javascript", b"class Strip"),
        ("/dom.js", "text/javascript", b"textContent"),
        ("/flame.js", "text/javascript", b"class FlameSection"),
        ("/stacks.js", "text/javascript", b"treeOf"),
        ("/flame.css", "text/css", b".flame"),
    ],
)
async def test_the_page_and_its_parts_are_served(port: int, path: str, kind: str, part: bytes) -> None:
    answer = await ask(port, path)
    assert answer.status == 200
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert part in answer.body
    assert b"http://" not in answer.body.replace(b"http://www.w3.org", b""), "nothing external is loaded"
    assert b"innerHTML" not in answer.body


@pytest.mark.parametrize(("path", "host"), [("/", None), ("/api/state", None), ("/nothing", None), ("/", "evil.test")])
async def test_every_answer_has_the_strict_headers(port: int, path: str, host: str | None) -> None:
    answer = await ask(port, path, **({"host": host} if host else {}))
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in answer.headers


@rows("host", ["localhost", "LOCALHOST:80", "127.0.0.1:7317", "127.9.9.9", "[::1]:7317", "10.1.2.3:1", "a.localhost"])
async def test_loopback_names_and_the_bound_host_are_answered(port: int, host: str) -> None:
    assert (await ask(port, "/api/state", host=host)).status == 200


@rows(
    "host",
    [
        "evil.test",
        "localhost.evil.test",
        "127.0.0.1.evil.test",
        "evil.test:7317",
        "10.1.2.4",
        "0.0.0.0",
        "notlocalhost",
        "localhost:80@evil.test",
        "[::2]:80",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/state", "/api/events"])
async def test_a_rebound_name_is_refused(port: int, host: str, path: str) -> None:
    answer = await ask(port, path, host=host)
    assert answer.status == 421
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert b"LIFESIGN_PAGE_ADDR" in answer.body


async def test_a_request_of_two_minds_or_none_about_its_host_is_refused(port: int) -> None:
    two = b"GET / HTTP/1.1\r\nhost: localhost\r\nhost: evil.test\r\nconnection: close\r\n\r\n"
    none = b"GET / HTTP/1.0\r\n\r\n"
    assert parse(await exchange(port, two)).status == 400
    assert parse(await exchange(port, none)).status == 421


async def test_the_state_holds_everything_the_page_shows(port: int, board: Board) -> None:
    board.update([snapshot()])
    board.add([], [log("blocked", attributes={"code.stacktrace": "sleep"}), dump_log(), group_log(0, 3)])
    answer = await ask(port, "/api/state")
    assert answer.headers["content-type"] == "application/json"
    state = answer.json()
    assert state["counts"]["healthy"] == 1
    (view,) = state["processes"]
    assert view["process"]["pid"] == 12
    assert view["watched"] is True
    assert view["strip"] == [[0.004, "healthy"]]
    assert [entry["text"] for entry in view["timeline"]] == ["5 tasks", "blocked"]
    assert view["dump"]["groups"][0]["count"] == 3


async def test_hostile_text_comes_through_as_data(port: int, board: Board) -> None:
    board.update([snapshot(why=HOSTILE, command=HOSTILE, service=HOSTILE)])
    board.add([], [log(HOSTILE, attributes={"code.stacktrace": HOSTILE})])
    answer = await ask(port, "/api/state")
    assert answer.headers["content-type"] == "application/json"
    (view,) = answer.json()["processes"]
    assert view["process"]["why"] == HOSTILE
    assert view["timeline"][0]["text"] == HOSTILE
    assert view["timeline"][0]["stack"] == HOSTILE


async def test_numbers_that_json_has_no_word_for_become_null(port: int, board: Board) -> None:
    board.update([snapshot(uptime=float("nan"), beat_age=float("inf"))])
    process = (await ask(port, "/api/state")).json()["processes"][0]["process"]
    assert (process["uptime"], process["beat_age"]) == (None, None)


# --- the stream ------------------------------------------------------------------------------------


async def test_the_stream_tells_the_state_and_every_change(
    port: int, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "INTERVAL_S", 0.01)
    board.update([snapshot(state="healthy")])
    events = await listen(port)
    assert (await events.state())["processes"][0]["process"]["state"] == "healthy"
    board.update([snapshot(state="blocked")])
    assert (await events.state())["processes"][0]["process"]["state"] == "blocked"
    await events.close()


async def test_the_stream_is_slowed_to_four_states_a_second(
    port: int, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page_module.INTERVAL_S == 0.25
    monkeypatch.setattr(page_module, "INTERVAL_S", 0.04)
    events = await listen(port)
    await events.state()
    begin = asyncio.get_running_loop().time()
    for number in range(2):
        board.update([snapshot(tasks=number)])
        await events.state()
    assert asyncio.get_running_loop().time() - begin >= 0.06
    await events.close()


async def test_a_big_state_is_sent_less_often(port: int, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "INTERVAL_S", 0.001)
    monkeypatch.setattr(page_module, "BYTES_PER_SECOND", 20_000)
    board.update([snapshot(why="x" * 400)])
    events = await listen(port)
    await events.state()
    begin = asyncio.get_running_loop().time()
    board.update([snapshot()])
    await events.state()
    assert asyncio.get_running_loop().time() - begin >= 0.03
    await events.close()


async def test_a_quiet_stream_says_that_it_is_still_there(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "KEEP_ALIVE_S", 0.01)
    monkeypatch.setattr(page_module, "INTERVAL_S", 0.01)
    events = await listen(port)
    await events.state()
    while not (await events.line()).startswith(b": still here"):
        pass
    await events.close()


async def test_streams_are_bounded_and_a_closed_one_makes_room(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_module, "INTERVAL_S", 0.01)
    streams = [await listen(port) for _ in range(STREAMS)]
    assert {stream.status for stream in streams} == {200}
    refused = await listen(port)
    assert refused.status == 503
    await refused.close()
    await streams.pop().close()
    await asyncio.sleep(0.05)
    last = await listen(port)
    assert last.status == 200
    for stream in (*streams, last):
        await stream.close()


async def test_asking_only_for_the_head_of_the_stream_ends(port: int) -> None:
    answer = await ask(port, "/api/events", "HEAD")
    assert (answer.status, answer.body) == (200, b"")


# --- asking for a dump -------------------------------------------------------------------------------


async def press(port: int, key: str = "12-0badcafe", **headers: str | None) -> Answer:
    return await ask(port, f"/api/processes/{key}/dump", "POST", **{"x_lifesign": "1", **headers})


async def test_the_button_asks_for_a_dump(port: int) -> None:
    answer = await press(port, origin=f"http://127.0.0.1:{port}", sec_fetch_site="same-origin")
    assert (answer.status, answer.json()) == (202, {"request": 7})
    assert asked == ["12-0badcafe"]


async def test_a_command_line_client_without_an_origin_may_ask_too(port: int) -> None:
    assert (await press(port)).status == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"x_lifesign": None},
        {"x_lifesign": "0"},
        {"origin": "http://evil.test"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://localhost.evil.test"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
async def test_another_site_cannot_press_the_button(port: int, headers: dict[str, str | None]) -> None:
    assert (await press(port, **headers)).status == 403
    assert asked == []


async def test_another_site_cannot_use_up_the_streams_but_may_link_here(port: int) -> None:
    assert (await ask(port, "/api/events", sec_fetch_site="cross-site")).status == 403
    assert (await ask(port, "/", sec_fetch_site="cross-site")).status == 200


async def test_the_preflight_of_another_site_is_not_answered(port: int) -> None:
    answer = await ask(port, "/api/processes/1-a/dump", "OPTIONS", origin="http://evil.test")
    assert answer.status == 405
    assert "access-control-allow-origin" not in answer.headers


async def test_a_get_presses_no_button(port: int) -> None:
    assert (await ask(port, "/api/processes/1-a/dump", x_lifesign="1")).status == 405
    assert asked == []


@pytest.mark.parametrize(
    ("key", "status", "what", "hint"),
    [
        ("9-gone", 404, "there is no process 9-gone", "lifesign status lists them"),
        ("8-full", 409, "the pulse cannot be written", ""),
    ],
)
async def test_a_refused_dump_says_what_and_what_to_try(port: int, key: str, status: int, what: str, hint: str) -> None:
    answer = await press(port, key)
    assert answer.status == status
    assert answer.json() == {"what": what, "hint": hint}


@pytest.mark.parametrize("headers", [{"content_length": "9000000000"}, {"transfer_encoding": "chunked"}])
async def test_a_body_is_refused_before_it_is_sent(port: int, headers: dict[str, str]) -> None:
    answer = await press(port, **headers)
    assert answer.status == 413
    assert asked == []
