"""Which processes a command is about: by a number, by a name, in all run directories of this user."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lifesign.cli.query import target
from lifesign.cli.query.target import Wanted, living
from lifesign.cli.supervise import rundirectory
from lifesign.errors import NotWatchedError, RunDirectoryError
from lifesign.settings import Settings
from support.mainprocess import Main


@pytest.fixture
def places(run: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The run directories of this user: those that are in use, and the others."""
    found = [[str(run)]]
    monkeypatch.setattr(rundirectory, "found", lambda _path: found)
    return found


def seen(which: str | None) -> list[int]:
    return [one.poll.snapshot.pid for one in Wanted(which, Settings(environ={}), {}).seen()]


def alive(which: str | None) -> list[int]:
    processes = Wanted(which, Settings(environ={}), {}).living()
    for process in processes:
        process.close()
    return [process.pid for process in processes]


def test_by_nothing_by_number_and_by_name(places: list[list[str]], main: Callable[..., Main]) -> None:
    main()
    main("4343-00000002").die()
    assert (seen(None), alive(None)) == ([4242, 4343], [4242])
    assert (seen("4343"), seen("desk.py"), alive("desk.py")) == ([4343], [4242, 4343], [4242])


def test_the_number_of_a_process_above_finds_those_below(
    places: list[list[str]], main: Callable[..., Main], monkeypatch: pytest.MonkeyPatch
) -> None:
    main()
    parents = {4242: 77, 77: 66, 66: 1}
    monkeypatch.setattr(target, "stat_fields", lambda pid: ["S", str(parents[pid])])
    assert (seen("66"), alive("77")) == ([4242], [4242])
    with pytest.raises(NotWatchedError, match="no living process 88 is watched"):
        alive("88")


def test_the_nearest_name_and_the_numbers_that_there_are_are_said(
    places: list[list[str]], main: Callable[..., Main], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = main()
    for which, hint in (("desk", "desk.py"), ("xyzzy", "one of desk.py"), ("999999999", "one of 4242 (desk.py)")):
        with pytest.raises(NotWatchedError) as error:
            seen(which)
        assert error.value.hint == hint
    for number in range(9):
        main(f"{5000 + number}-00000002")
    numbers = f"one of {', '.join(f'{pid} (desk.py)' for pid in (4242, *range(5000, 5007)))} and 2 more"
    with pytest.raises(NotWatchedError) as error:
        alive("999999999")
    assert error.value.hint == numbers
    service.die()
    monkeypatch.setattr(target, "_names", lambda one: {f"{'gone' if one.pid < 5000 else 'shop'}-{one.pid}"})
    with pytest.raises(NotWatchedError) as error:
        seen("xyzzy")
    names = ", ".join(f"shop-{5000 + number}" for number in range(8))
    assert error.value.hint == f"one of {names} and 2 more", "those that live come first"


def test_what_is_left_of_earlier_runs_is_looked_at_where_it_is_named_or_all_there_is(
    places: list[list[str]], main: Callable[..., Main], tmp_path: Path
) -> None:
    main().die()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    places.insert(0, [str(elsewhere)])
    with pytest.raises(NotWatchedError, match="no process is watched in your 2 run directories"):
        seen(None)
    assert seen("4242") == [4242]
    del places[0]
    assert seen(None) == [4242]


def test_the_only_one_of_a_run_directory(run: Path, main: Callable[..., Main]) -> None:
    main()
    main("4343-00000002")
    process = living(str(run), 4343)
    process.close()
    assert process.pid == 4343
    with pytest.raises(NotWatchedError, match="no living process 1 is watched"):
        living(str(run), 1)


def test_run_directories_in_use_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lifesign-a", "lifesign-b", "lifesign-c"):
        (tmp_path / name).mkdir()
    a, b, c = (str(tmp_path / f"lifesign-{letter}") for letter in "abc")
    monkeypatch.setattr(rundirectory, "_places", lambda: [str(tmp_path)])
    monkeypatch.setattr(rundirectory, "_is_in_use", lambda path: path == b)
    assert rundirectory.found(None) == [[b], [a, c]]
    monkeypatch.setattr(rundirectory, "_is_in_use", lambda path: False)
    assert rundirectory.found(None) == [[a, b, c]]
    assert rundirectory.found(a) == [[a]]
    with pytest.raises(RunDirectoryError, match="none does not exist"):
        rundirectory.found(os.path.join(a, "none"))


def test_what_cannot_be_read_is_counted_and_not_logged(
    places: list[list[str]], main: Callable[..., Main], caplog: pytest.LogCaptureFixture
) -> None:
    main().pulse.ring.append({"kind": "no such kind"})
    (one,) = Wanted(None, Settings(environ={}), {}).seen()
    assert (one.poll.snapshot.dropped["invalid"], caplog.records) == (1, [])


def test_a_run_that_ends_meanwhile_hides_no_other(places: list[list[str]], main: Callable[..., Main]) -> None:
    main()
    places[0].append("/no/such/run")
    assert (seen(None), alive(None)) == ([4242], [4242])
    places[0].remove(places[0][0])
    for look in (seen, alive):
        with pytest.raises(RunDirectoryError, match="/no/such/run does not exist"):
            look(None)
    places[0] = ["/no/such/run", "/no/such/other"]
    with pytest.raises(NotWatchedError):
        seen(None)
