"""The boots before are remembered on disk, by service, and what is far longer than they were is late."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lifesign.settings import Settings
from lifesign.watch import boots as boots_module
from lifesign.watch.boots import KEPT, SERVICES, Boots, file_of, read
from lifesign.watch.telemetry import CheckpointReading, Snapshot
from support.made.boards import NOON, SECOND, snapshot
from support.rows import rows


def boot(number: int, database: float = 0.3, **changes: Any) -> Snapshot:
    """One that took as long as its database, with a cache that is only passed and a first event that came late."""
    end = NOON + int(database * SECOND)
    checkpoints = (
        CheckpointReading("database", None, NOON, end, None, took=database),
        CheckpointReading("cache", None, end, end, None, took=0.01),
        CheckpointReading("first event received", 5, end + 900 * SECOND, end + 900 * SECOND, None, took=900.0 * number),
    )
    named = {"key": f"{number}-a", "instance": f"i{number}", "boot_duration": database, "checkpoints": checkpoints}
    return snapshot(**{**named, **changes})


def booted(file: Path, *some: Snapshot) -> Boots:
    boots = Boots(file, wall=lambda: NOON + 6000 * SECOND)
    for one in some:
        boots.note([one])
    boots.save()
    return boots


def seen(one: Snapshot) -> list[tuple[str, float | None, bool]]:
    return [(checkpoint.name, checkpoint.usual, checkpoint.late) for checkpoint in one.checkpoints]


def late(boots: Boots, one: Snapshot) -> list[str]:
    (found,) = boots.compared([one])
    return [name for name, _, is_late in seen(found) if is_late]


def test_with_fewer_than_three_boots_before_nothing_is_late(tmp_path: Path) -> None:
    file = tmp_path / "state" / "boots.json"
    assert late(booted(file), boot(1, 60.0)) == []
    boots = booted(file, boot(1), boot(2))
    slow = boot(3, 4.1)
    assert boots.compared([slow]) == [slow]
    booted(file, boot(3))
    (found,) = Boots(file).compared([boot(4, 4.1)])  # another sidecar, later
    assert seen(found) == [("database", 0.3, True), ("cache", 0.01, False), ("first event received", None, False)]
    assert found.boot_usual == 0.3
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_is_open_is_late_as_soon_as_it_is_too_long(tmp_path: Path) -> None:
    boots = booted(tmp_path / "b", *map(boot, range(3)))
    since = NOON + 6000 * SECOND
    for seconds, expected in ((0.4, []), (5, ["database"])):
        waits = CheckpointReading("database", None, since - int(seconds * SECOND), None, None)
        assert late(boots, boot(9, boot="starting", checkpoints=(waits,))) == expected


def test_a_boot_is_not_compared_with_itself_and_only_with_its_own_service(tmp_path: Path) -> None:
    file = tmp_path / "b"
    booted(file, *map(boot, range(3)))
    slow = boot(3, 4.1)
    boots = booted(file, slow)
    assert late(boots, slow) == ["database"]
    assert late(Boots(file), slow) == ["database"], "a sidecar that was started again says the same"
    assert late(boots, boot(4, 4.1, service="billing")) == []
    assert late(boots, boot(5, 4.1, command="worker.py")) == []
    assert late(boots, boot(6, 4.0)) == [], "once it was as slow"


@pytest.mark.parametrize("changes", [{"boot": "failed"}, {"boot": "timed_out"}, {"boot_duration": None}])
def test_only_boots_that_were_completed_count(tmp_path: Path, changes: dict[str, Any]) -> None:
    boots = Boots(tmp_path / "b", wall=lambda: NOON + 6000 * SECOND)
    assert not boots.note([boot(1, **changes)])
    assert boots.note([boot(2, boot="starting"), boot(3)])
    assert not (tmp_path / "b").exists()
    boots.save()
    boots.save()
    (kept,) = read(tmp_path / "b").values()
    assert [one.instance for one in kept] == ["i3"]


def test_a_boot_is_complete_when_no_more_checkpoints_come(tmp_path: Path) -> None:
    now = [NOON + 904 * SECOND]
    boots = Boots(tmp_path / "b", wall=lambda: now[0])
    waits = CheckpointReading("database", None, NOON, None, None)
    assert not boots.note([boot(1), boot(2, checkpoints=(waits,))])
    assert boots.note([boot(3, alive=False)]), "it will have no more"
    boots.save()
    now[0] += 2 * SECOND
    assert boots.note([boot(1), boot(2, checkpoints=(waits,))])
    boots.save()
    (kept,) = read(tmp_path / "b").values()
    assert [(one.instance, one.checkpoints) for one in kept] == [
        (f"i{at}", {"database": 0.3, "cache": 0.01}) for at in (3, 1)
    ]


def test_sidecars_that_run_at_the_same_time_add_to_the_same_file(tmp_path: Path) -> None:
    one, other = (Boots(tmp_path / "b", wall=lambda: NOON + 6000 * SECOND) for _ in range(2))
    for number, boots in enumerate((one, other, one)):
        boots.note([boot(number)])
        boots.save()
    assert late(Boots(tmp_path / "b"), boot(9, 4.1)) == ["database"]


def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boots_module, "SERVICES", 3)
    boots = booted(tmp_path / "b", *(boot(number, service=f"s{number // 25}") for number in range(100)))
    kept = read(tmp_path / "b")
    assert [(name, len(some)) for name, some in kept.items()] == [(f"s{at} orders.py", KEPT) for at in (1, 2, 3)]
    many = [CheckpointReading(f"c{at}", None, NOON, NOON, None, took=1.0) for at in range(1000)]
    boots.note([boot(999, checkpoints=tuple(many), service="s" * 999)])
    boots.save()
    name, (widest,) = list(read(tmp_path / "b").items())[-1]
    assert (len(name), len(widest.checkpoints)) == (210, boots_module.CHECKPOINTS)


def test_what_is_remembered_of_polls_is_bounded(tmp_path: Path) -> None:
    boots = booted(tmp_path / "b", *map(boot, range(3)))
    for number in range(3 * SERVICES):
        boots.note([boot(number)])
        boots.compared([boot(number)])
    assert len(boots._over) <= SERVICES + 3
    assert len(boots._seen) <= SERVICES + 3


NEGATIVE = b'{"a": [{"instance": "i", "at": 1, "took": 1.0, "checkpoints": {"database": -5}}]}'


@rows("content", [b"", b"{", b'{"a": 1}', b'{"\xff": []}', NEGATIVE])
def test_what_cannot_be_read_counts_as_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b").write_bytes(content)
    assert read(tmp_path / "b") == {}
    booted(tmp_path / "b", boot(1))
    assert len(read(tmp_path / "b")) == 1


def test_a_boot_in_which_the_clock_was_set_back_leaves_the_others_readable(tmp_path: Path) -> None:
    booted(tmp_path / "b", boot(1), boot(2, database=-5.0))
    (kept,) = read(tmp_path / "b").values()
    assert [(one.took, one.checkpoints["database"]) for one in kept] == [(0.3, 0.3), (0.0, 0.0)]


def test_a_disk_that_takes_nothing_is_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    boots = booted(tmp_path / "file" / "b", *map(boot, range(3)))
    assert late(boots, boot(9, 4.1)) == ["database"]
    (tmp_path / "taken").mkdir()
    booted(tmp_path / "taken", boot(1))
    assert [one.name for one in tmp_path.iterdir() if one.suffix == ".part"] == []


def test_where_it_is(tmp_path: Path) -> None:
    def where(*settings: tuple[str, str]) -> Path:
        environ: dict[str, str] = {"XDG_STATE_HOME": "/state", **dict(settings)}
        return file_of(Settings(environ=environ), environ)

    assert where() == Path("/state/lifesign/boots.json")
    assert where(("LIFESIGN_SPOOL_DIR", str(tmp_path))) == tmp_path / "boots.json"
