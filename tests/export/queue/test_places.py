"""What waits for one Collector never goes to another, and what nobody comes for does not wait for ever."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest

from lifesign.errors import SpoolError
from lifesign.export.queue import places
from lifesign.export.queue.places import AGE_MAX, Owner, default_directory, destination, take

HOLDER = """
import sys, pathlib
from lifesign.export.queue.spool_lock import SpoolLock
lock = SpoolLock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
input()
"""
SHOP = Owner("collector", "shop", "/run/1", ("http://collector:4318",))


def left(directory: Path, owner: Owner, size: int = 100) -> Path:
    """A spool that a run left behind with so many bytes that were not delivered."""
    lock = take(directory, owner)
    (lock.folder("traces") / "0000000000000001.jsonl").write_bytes(bytes(size))
    (lock.directory / "traces" / "counts.json").write_text("{}")
    (lock.directory / "cursors.json").write_text("{}")
    lock.close()
    return lock.directory


def taken(directory: Path, owner: Owner) -> Path:
    lock = take(directory, owner)
    lock.close()
    return lock.directory


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Another process uses this spool: the kernel's lock keeps none out of our own."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.kill()


def test_the_default_directory_follows_xdg() -> None:
    assert default_directory({"XDG_STATE_HOME": "/state"}) == Path("/state/lifesign/spool")
    expected = Path.home() / ".local/state/lifesign/spool"
    assert default_directory({"XDG_STATE_HOME": "not/absolute"}) == expected
    assert default_directory({}) == expected


def test_what_waits_is_for_the_same_service_and_destination(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = left(tmp_path, SHOP)
    other_service = Owner("collector", "desk", "/run/2")
    other_collector = Owner("elsewhere", "desk", "/run/3")
    assert taken(tmp_path, other_service) != place
    assert taken(tmp_path, other_collector) != place
    assert caplog.text == "", "it is no business of theirs"
    assert taken(tmp_path, Owner("collector", "shop", "/run/4")) == place
    assert f"100 bytes in {place}, left by an earlier run of shop for http://collector:4318, are deliv" in caplog.text
    assert (place / "traces" / "0000000000000001.jsonl").exists()


def test_a_sidecar_comes_back_to_the_spool_of_its_run_directory(tmp_path: Path) -> None:
    place = left(tmp_path, SHOP)
    assert left(tmp_path, Owner("collector", "desk", "/run/2")) != place
    by_hand = Owner("collector", "/run/1", "/run/1")  # `lifesign watch --dir`, which does not know the service
    assert taken(tmp_path, by_hand) == place
    assert taken(tmp_path, Owner("elsewhere", "shop", "/run/1")) != place, "not to another Collector even so"


def test_several_at_a_time_have_a_spool_each(tmp_path: Path) -> None:
    place = left(tmp_path, SHOP)
    with held(place):
        second = taken(tmp_path, SHOP)
        assert second != place
        assert taken(tmp_path, SHOP) == second
    assert taken(tmp_path, SHOP) == place, "where something waits"


def test_the_books_of_one_are_not_those_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PLACES", 2)
    desk = Owner("collector", "desk", "/run/2")
    place = left(tmp_path, SHOP)
    (place / "traces" / "0000000000000001.jsonl").unlink()  # all was delivered
    waiting = left(tmp_path, desk)
    found = taken(tmp_path, Owner("collector", "third", "/run/3"))
    assert found == place, "for want of a new one"
    assert sorted(entry.name for entry in found.iterdir()) == ["lock", "owner.json"]
    with held(place), pytest.raises(SpoolError, match="all 2 spools"):
        take(tmp_path, Owner("collector", "fourth", "/run/4"))
    assert (waiting / "traces" / "0000000000000001.jsonl").exists()


def test_what_nobody_came_for_is_dropped_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = left(tmp_path, SHOP)
    unowned = tmp_path / "7" / "logs"  # as an older version left it
    unowned.mkdir(parents=True)
    (unowned / "0000000000000001.jsonl").write_text("{}")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("keep me")
    (unowned.parent / "link").symlink_to(outside)
    in_use = tmp_path / "8"
    in_use.mkdir()
    (in_use / "logs").mkdir()
    (in_use / "logs" / "0000000000000001.jsonl").write_text("{}")
    with held(in_use):
        old = time.time() - AGE_MAX - 60
        for path in (place, unowned.parent, in_use):
            for file in (*path.glob("*/*"), path):
                os.utime(file, (old, old))
        found = taken(tmp_path, Owner("collector", "desk", "/run/2"))
    assert found == place
    assert f"100 bytes in {place}, left by an earlier run of shop" in caplog.text
    assert "are dropped: nobody came for them in 7 days" in caplog.text
    assert not any(unowned.parent.glob("*/*.jsonl"))
    assert (outside / "file").exists()
    assert any(in_use.glob("*/*.jsonl"))


def test_what_waits_for_an_old_address_of_the_same_service_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = left(tmp_path, SHOP)
    taken(tmp_path, Owner("elsewhere", "shop", "/run/2"))
    assert f"LIFESIGN_SPOOL_DIR={place}" in caplog.text


def test_a_spool_that_was_named_takes_what_waits_along_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = left(tmp_path, SHOP)
    moved = Owner("elsewhere", "shop", "/run/2", ("http://elsewhere:4318",))
    for _ in range(2):
        places.adopt(place, moved).close()
    assert (place / "traces" / "0000000000000001.jsonl").exists()
    [said] = caplog.messages
    assert said.endswith("of shop for http://collector:4318, go to http://elsewhere:4318 now")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"destination":1}', b"\xff"])
def test_an_owner_that_cannot_be_read_is_nobody(tmp_path: Path, content: bytes) -> None:
    place = left(tmp_path, SHOP)
    (place / "owner.json").write_bytes(content)
    assert taken(tmp_path, SHOP) != place


def test_destinations_differ_by_all_that_is_sent_along() -> None:
    one = ["traces", "http://c:4318/v1/traces", "x-tenant=a"]
    assert destination(one) == destination(list(one))
    assert len({destination(one), destination([*one[:2], "x-tenant=b"]), destination(["", *one])}) == 3
    assert "tenant" not in destination(one)


def test_an_old_place_in_which_nothing_waits_is_emptied_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = left(tmp_path, SHOP, size=0)
    old = time.time() - AGE_MAX - 60
    for file in (*place.glob("*/*"), place):
        os.utime(file, (old, old))
    assert taken(tmp_path, Owner("collector", "desk", "/run/2")) == place
    assert "dropped" not in caplog.text
