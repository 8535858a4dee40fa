"""What is saved of a run that ended ill: complete, safe to open, and only so many."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lifesign.export.queue.places import default_directory
from lifesign.serve.board import Board
from lifesign.serve.reports import KEPT, collect, directory, ended_ill, save
from lifesign.serve.shown.postmortem import as_html
from lifesign.watch.sources import no_source
from lifesign.watch.telemetry import CauseReading, CheckpointReading, EventReading, PostconditionReading, UsageReading
from support.made.boards import NOON, log, snapshot
from support.made.dumps import dumped, frame, group
from support.rows import rows

HOSTILE = "<script>x</script>\u202e"


def board(**changes: Any) -> Board:
    made = Board()
    made.update([snapshot("12-a", "stopped"), snapshot("13-b", "dead", **changes)])
    made.add([], [log("the end", "13-b", attributes={"code.stacktrace": 'File "a.py", line 3, in main'})])
    return made


@rows(
    ("states", "ill"),
    [
        (["dead"], True),
        (["dead", "stopped"], True),
        (["dead", "healthy"], False),
        (["stopped"], False),
        ([], False),
    ],
)
def test_a_run_has_ended_ill_where_something_died_and_nothing_lives(states: list[str], ill: bool) -> None:
    assert ended_ill([snapshot(f"{number}-a", state) for number, state in enumerate(states, 1)]) is ill


def test_it_is_written_twice_and_read_by_nobody_else(tmp_path: Path) -> None:
    found = collect(board(why="exit code 3", dump=dumped(group(0, 4, "work"))).all_shown(), no_source)
    page = save(found, tmp_path / "new" / "reports")
    assert re.fullmatch(r"\d{8}T\d{6}-13\.html", page.name)
    content = msgspec.json.decode(page.with_suffix(".json").read_bytes())
    dead, stopped = content["processes"]
    assert (content["schema"], dead["process"]["why"], stopped["process"]["state"]) == (1, "exit code 3", "stopped")
    assert dead["stack"] == 'File "a.py", line 3, in main'
    assert [entry["text"] for entry in dead["history"]] == ["the end"]
    assert dead["tasks"]["groups"][0]["place"] == "shop.py:10"
    assert {file.stat().st_mode & 0o777 for file in page.parent.iterdir()} == {0o600}
    assert page.parent.stat().st_mode & 0o777 == 0o700


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        for kind in ("json", "html"):
            (tmp_path / f"20200101T0000{number:02}-1.{kind}").touch()
    save(collect(board().all_shown(), no_source), tmp_path)
    kept = sorted(file.name for file in tmp_path.iterdir())
    assert len(kept) == 2 * KEPT
    assert kept[0] == "20200101T000004-1.html"


def test_what_cannot_be_written_leaves_no_half(tmp_path: Path) -> None:
    found = collect(board().all_shown(), no_source)
    name = save(found, tmp_path).stem
    for kind, left in (("html", [f"{name}.html", f"{name}.json"]), ("json", [f"{name}.json"])):
        for file in tmp_path.iterdir():
            file.unlink()
        (tmp_path / f"{name}.{kind}").mkdir()
        with pytest.raises(OSError, match="s a directory"):
            save(found, tmp_path)
        assert sorted(file.name for file in tmp_path.iterdir()) == left
        (tmp_path / f"{name}.{kind}").rmdir()


def test_the_page_says_everything_and_runs_nothing() -> None:
    made = board(
        why=HOSTILE,
        causes=(CauseReading("uncaught", "no price, raised in book", "book", "/srv/shop.py", 7, ("seen 3 times",)),),
        events=(EventReading("order", 7, 0, 3.0, None),),
        postconditions=(PostconditionReading("database", False, True, "refused"),),
        checkpoints=(CheckpointReading("broker", 1, NOON, NOON, "no session"),),
        usage=UsageReading(user=2.0, memory=64 << 20),
        dump=dumped(
            group(0, 4, "work", names=[HOSTILE], stack=[frame("work", 3), frame("inside", 4, "")]),
            rings=[[{"task": "a", "primitive": None, "at": None}]],
        ),
    )
    page = as_html(collect(made.all_shown(), lambda file, line: "await price()"))
    assert "<script" not in page
    assert "\u202e" not in page
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
    for said in (
        "&lt;script&gt;x&lt;/script&gt;\\u202e",
        "no price, raised in book",
        "/srv/shop.py:7",
        "seen 3 times",
        "event order: 7",
        "check database fails: refused",
        "checkpoint broker failed: no session",
        "64 MiB of memory, 2.0 s of processor time",
        "4 tasks in 1 group,",
        "deadlock: a waits for",
        "await price()",
        "Loop blocked",
    ):
        assert said in page, said


def test_where_they_are() -> None:
    assert directory({"XDG_STATE_HOME": "/state"}) == Path("/state/lifesign/reports")
    assert directory({"XDG_STATE_HOME": "not absolute"}) == Path.home() / ".local/state/lifesign/reports"


def test_who_has_no_home_has_them_where_nobody_may_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for a user without an entry, and without HOME
    assert directory({}) == Path("/.local/state/lifesign/reports")
    assert default_directory({}) == Path("/.local/state/lifesign/spool")
