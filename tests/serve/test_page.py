"""The page's HTTP side: what it serves, to whom, and what it never does for another site."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from lifesign import semconv
from lifesign.errors import NotAnsweredError, NotWatchedError
from lifesign.serve import api as api_module
from lifesign.serve.behind import Actions, Lookups
from lifesign.serve.board import Board
from lifesign.serve.page import page_app
from lifesign.watch.telemetry import CauseReading, Resource
from support.made.boards import log, snapshot
from support.made.client import Answer, Stage, ask, exchange, listen, parse
from support.made.dumps import dumped, group
from support.paths import ROOT
from support.rows import rows

pytestmark = pytest.mark.asyncio(loop_scope="module")


HOSTILE = "<img src=x onerror=alert(1)></script>\u2028\x00\"'"
STATIC = ROOT / "sidecar" / "lifesign" / "serve" / "static"
asked: list[str] = []


def request(what: str, key: str) -> int:
    if key == "9-gone":
        raise NotWatchedError("there is no process 9-gone", "lifesign status lists them")
    if key == "8-full":
        raise NotAnsweredError("the pulse cannot be written")
    asked.append(f"{what} {key}")
    return 7


@pytest.fixture
def board() -> Board:
    asked.clear()
    return Board()


@pytest.fixture
def port(stage: Stage, board: Board) -> int:
    actions = Actions(partial(request, "dump"), partial(request, "checks"))
    lookups = Lookups(excerpt=lambda file, line: [(line, file)])
    stage.app = page_app(board, actions, host="10.1.2.3", lookups=lookups, interval=0.01)
    return stage.port


@pytest.mark.parametrize(
    ("path", "kind", "part"),
    [
        ("/", "text/html", b'<script type="module" src="app.js">'),
        ("/app.js", "text/javascript", b"hashchange"),
        ("/", "text/html", b'aria-label="processes" hidden>'),  # before it is heard of any, it does not say "none"
        ("/base.css", "text/css", b"prefers-color-scheme: dark"),
        ("/dom.js", "text/javascript", b"textContent"),
        ("/data/hub.js", "text/javascript", b"connect"),
        ("/data/stream.js", "text/javascript", b"EventSource"),
        ("/view/tasks/tasks.js", "text/javascript", b"class TasksSection"),
    ],
)
async def test_the_page_and_its_parts_are_served(port: int, path: str, kind: str, part: bytes) -> None:
    answer = await ask(port, path)
    assert answer.status == 200
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert part in answer.body
    assert b"http://" not in answer.body.replace(b"http://www.w3.org", b""), "nothing external is loaded"
    assert b"innerHTML" not in answer.body


async def test_every_file_is_served_and_none_parses_html_or_loads_from_elsewhere(port: int) -> None:
    files = [file for file in STATIC.rglob("*") if file.is_file() and file.name != "index.html"]
    assert len(files) > 20
    for file in files:
        found = await ask(port, f"/{file.relative_to(STATIC)}")
        assert (found.status, found.body) == (200, file.read_bytes())
        assert b"innerHTML" not in found.body, file
        assert b"http://" not in found.body.replace(b"http://www.w3.org", b""), file


@pytest.mark.parametrize(
    ("path", "host"), [("/", None), ("/api/v1/processes", None), ("/nothing", None), ("/", "evil.test")]
)
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
    assert (await ask(port, "/api/v1/processes", host=host)).status == 200


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
@pytest.mark.parametrize("path", ["/", "/api/v1/processes", "/api/v1/stream"])
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


# --- what it says ----------------------------------------------------------------------------------


async def test_every_part_of_a_process_has_its_address(port: int, board: Board) -> None:
    dump = dumped(group(0, 3, "work"))
    board.update([snapshot(dump=dump, causes=(CauseReading("w", "it is slow", "work", "/srv/app.py", 3),))])
    board.add([Resource("12-0badcafe", {"host.name": "here"})], [log("blocked")])

    async def data(part: str) -> Any:
        found = await ask(port, f"/api/v1/processes/12-0badcafe{part}")
        assert (found.status, found.headers["content-type"]) == (200, "application/json")
        content = found.json()
        assert content["schema"] == 1
        return content["data"]

    detail = await data("")
    assert (detail["row"]["pid"], detail["process"]["pid"], detail["process"]["dump"]) == (12, 12, None)
    assert detail["strip"] == [[0.004, "healthy"]]
    assert detail["resource"] == {"host.name": "here"}
    assert detail["versions"] == {"history": 1, "tasks": 1, "stacks": 0}
    assert detail["causes"][0]["excerpt"] == [[3, "/srv/app.py"]]
    assert (await data("/tasks"))["groups"][0]["count"] == 3
    assert [entry["text"] for entry in await data("/history")] == ["blocked"]
    assert (await data("/timeline"))["delays"] == [4]
    assert (await data("/timeline?after=99999999999999"))["delays"] == []
    assert (await data("/timeline?after=x"))["delays"] == [4]
    assert (await data("/stacks"))["stacks"] == []


async def test_the_stack_of_an_ill_process_is_that_of_its_newest_error(port: int, board: Board) -> None:
    for state, shown in (("healthy", ""), ("blocked", "sleep")):
        board.update([snapshot(state=state)])
        board.add([], [log("blocked", attributes={"code.stacktrace": "sleep"})])
        assert (await ask(port, "/api/v1/processes/12-0badcafe")).json()["data"]["stack"] == shown


async def test_a_process_that_is_not_there_is_no_error_of_ours(port: int) -> None:
    for part in ("", "/tasks", "/history", "/timeline", "/stacks"):
        found = await ask(port, f"/api/v1/processes/9-gone{part}")
        assert (found.status, found.body) == (404, b"404: no such process\n")


async def test_hostile_text_comes_through_as_data(port: int, board: Board) -> None:
    board.update([snapshot(why=HOSTILE, command=HOSTILE, service=HOSTILE)])
    board.add([], [log(HOSTILE, attributes={"code.stacktrace": HOSTILE})])
    found = await ask(port, "/api/v1/processes")
    assert found.headers["content-type"] == "application/json"
    (row,) = found.json()["data"]["rows"]
    assert (row["why"], row["service"]) == (HOSTILE, HOSTILE)
    (entry,) = (await ask(port, "/api/v1/processes/12-0badcafe/history")).json()["data"]
    assert (entry["text"], entry["stack"]) == (HOSTILE, HOSTILE)


async def test_numbers_that_json_has_no_word_for_become_null(port: int, board: Board) -> None:
    board.update([snapshot(state="dead", uptime=float("nan"), beat_age=float("inf"))])
    process = (await ask(port, "/api/v1/processes/12-0badcafe")).json()["data"]["process"]
    assert (process["uptime"], process["beat_age"]) == (None, None)


# --- the stream ------------------------------------------------------------------------------------


async def test_streams_are_bounded_and_a_closed_one_makes_room(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_module, "STREAMS", 2)
    streams = [await listen(port), await listen(port, "/api/v1/stream?view=verdict")]
    assert {stream.status for stream in streams} == {200}
    refused = await listen(port)
    assert refused.status == 503
    await refused.close()
    assert (await ask(port, "/api/v1")).json() == {
        "schema": 1, "data": {"version": semconv.VERSION, "streams": 2, "streams_max": 2},
    }  # fmt: skip
    await streams.pop().close()
    while (await ask(port, "/api/v1")).json()["data"]["streams"] == 2:
        await asyncio.sleep(0.005)
    last = await listen(port)
    assert last.status == 200
    for stream in (*streams, last):
        await stream.close()


async def test_asking_only_for_the_head_of_the_stream_ends(port: int) -> None:
    answer = await ask(port, "/api/v1/stream", "HEAD")
    assert (answer.status, answer.body) == (200, b"")


# --- asking for a dump -------------------------------------------------------------------------------


async def press(port: int, key: str = "12-0badcafe", **headers: str | None) -> Answer:
    return await ask(port, f"/api/v1/processes/{key}/dump", "POST", **{"x_lifesign": "1", **headers})


async def test_the_button_asks_for_a_dump(port: int) -> None:
    answer = await press(port, origin=f"http://127.0.0.1:{port}", sec_fetch_site="same-origin")
    assert (answer.status, answer.json()) == (202, {"request": 7})
    assert asked == ["dump 12-0badcafe"]


async def test_the_checks_are_asked_for_too_and_nothing_else(port: int) -> None:
    for action, status in (("checks", 202), ("restart", 404)):
        found = await ask(port, f"/api/v1/processes/12-0badcafe/{action}", "POST", x_lifesign="1")
        assert found.status == status
    assert asked == ["checks 12-0badcafe"]


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
    assert (await ask(port, "/api/v1/stream", sec_fetch_site="cross-site")).status == 403
    assert (await ask(port, "/", sec_fetch_site="cross-site")).status == 200


async def test_the_preflight_of_another_site_is_not_answered(port: int) -> None:
    answer = await ask(port, "/api/v1/processes/1-a/dump", "OPTIONS", origin="http://evil.test")
    assert answer.status == 405
    assert "access-control-allow-origin" not in answer.headers


async def test_a_get_presses_no_button(port: int) -> None:
    assert (await ask(port, "/api/v1/processes/1-a/dump", x_lifesign="1")).status == 405
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
