"""`lifesign last`: the newest post-mortem that was saved."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lifesign.serve.shown.history import HistoryEntry
from lifesign.serve.shown.postmortem import SavedProcess, post_mortem
from lifesign.serve.shown.tasks import TaskDumpView, TaskGroupView
from lifesign.watch.telemetry import CauseReading
from support.made.boards import snapshot

CAUSE = CauseReading("uncaught", "ValueError: no price, raised in book (shop.py:7)", "book", "/srv/shop.py", 7)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    made = tmp_path / "lifesign" / "reports"
    made.mkdir(parents=True)
    return made


def save(folder: Path, name: str, service: str = "orders") -> Path:
    seen = snapshot("4242-0badcafe", "dead", service=service, causes=(CAUSE,), why="uncaught ValueError: no price")
    entry = HistoryEntry(1, 1_793_102_400_000, 21, "lifesign.process.died", "Died \x1b: no price", "", "", times=2)
    group = TaskGroupView(0, 3, "work", "shop.py:9", "/srv/shop.py", 9, [], "a Lock", [])
    dump = TaskDumpView("1", 0, "request", 0.1, 3, 1, [group], [], [], [], [], [], same=False)
    stack = 'File "shop.py", line 7, in book'
    process = SavedProcess(seen, {}, stack, [entry, msgspec.structs.replace(entry, times=1)], dump)
    file = folder / f"{name}.json"
    file.write_bytes(msgspec.json.encode(post_mortem([process], 1_793_102_400_000)))
    return file


def test_the_newest_is_shown_whole(cli: Callable[..., Any], folder: Path) -> None:
    save(folder, "20261128T110203-1")
    file = save(folder, "20261129T110203-4242")
    file.with_suffix(".html").touch()
    code, out, err = cli("last")
    assert (code, err) == (0, "")
    headline, where, _, verdict, cause, *_ = out.splitlines()
    assert headline.endswith(" ago)  orders.py 4242 dead")
    assert where == f"  {file.with_suffix('.html')}"
    assert (verdict, cause) == (
        "orders.py 4242  dead: uncaught ValueError: no price",
        f"  {CAUSE.sentence}",
    )
    assert '    File "shop.py", line 7, in book' in out
    assert "    3 x work, shop.py:9, waiting for a Lock" in out
    assert "Died \\x1b: no price (2 times)" in out
    assert "\x1b" not in out


def test_as_json_as_a_list_and_by_name(cli: Callable[..., Any], folder: Path) -> None:
    save(folder, "20261128T110203-1", "billing")
    file = save(folder, "20261129T110203-4242")
    content = json.loads(cli("last", "--json").out)
    assert (content["schema"], content["file"], content["processes"][0]["process"]["pid"]) == (1, str(file), 4242)
    assert cli("last", "--list").out.count("orders.py 4242 dead") == 2
    assert json.loads(cli("last", "billing", "--json").out)["file"].endswith("20261128T110203-1.json")


def test_what_cannot_be_shown(cli: Callable[..., Any], folder: Path) -> None:
    assert cli("last").err.startswith(
        f"lifesign: no run that ended ill is saved in {folder}\n  try: lifesign run -- CMD, which saves one when "
    )
    file = save(folder, "20261129T110203-4242")
    assert cli("last", "shop").code == 1
    for content in ("{", "[]", '{"schema": 2}'):
        file.write_text(content)
        code, _, err = cli("last")
        assert code == 1
        assert err.endswith(f"  try: rm {file}\n")


def test_what_cannot_be_read_hides_no_other(cli: Callable[..., Any], folder: Path) -> None:
    file = save(folder, "20261129T110203-4242")
    (folder / "20270101T000000-1.json").mkdir()
    os.mkfifo(folder / "20270101T000000-2.json")
    (folder / "20270101T000000-3.json").write_text('{"schema": 2}')
    (folder / "20270101T000000-4.json").write_text('{"x":' + "[" * 100_000 + "]" * 100_000 + "}")
    code, out, err = cli("last", "--json")
    assert (code, json.loads(out)["file"]) == (0, str(file))
    assert [f"-{number}.json cannot be read: " in err for number in range(1, 5)] == [True] * 4
    (folder / "20270101T000000-5.json").write_text('{"schema": 1, "saved": 1, "version": "0"}')
    assert "-5.json cannot be read: another version of lifesign has saved it" in cli("last").err


def test_a_time_that_is_none_is_shown_as_some(cli: Callable[..., Any], folder: Path) -> None:
    file = save(folder, "20261129T110203-4242")
    content = json.loads(file.read_text())
    for at in (10**18, -(10**18)):
        content["saved"] = content["processes"][0]["history"][0]["at"] = at
        file.write_text(json.dumps(content))
        assert cli("last").code == 0


def test_a_process_of_which_little_was_known(cli: Callable[..., Any], folder: Path) -> None:
    bare = SavedProcess(snapshot("7-0badcafe", "dead", service="orders", why="killed by SIGKILL"), {}, "", [], None)
    (folder / "20261129T110203-7.json").write_bytes(msgspec.json.encode(post_mortem([bare], 1_793_102_400_000)))
    out = cli("last").out
    assert "killed by SIGKILL" in out
    assert "last stack" not in out
    assert "what happened" not in out
