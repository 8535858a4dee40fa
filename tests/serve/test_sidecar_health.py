"""What each probe answers in each state, in one table."""

from __future__ import annotations

import pytest

from lifesign.serve.health import (
    SidecarHealth,
    app_livez,
    app_readyz,
    app_startupz,
    sidecar_livez,
    sidecar_readyz,
)
from lifesign.watch.telemetry import PostconditionReading
from support.made.boards import snapshot
from support.rows import rows

LOOKING = SidecarHealth(0.2, 0.25)


@rows(
    ("state", "boot", "livez", "readyz", "startupz"),
    [
        ("starting", "starting", True, False, False),
        ("starting", "timed_out", True, False, False),
        ("healthy", "complete", True, True, True),
        ("healthy", "timed_out", True, True, False),
        ("healthy", "failed", True, True, False),
        ("silent", "complete", True, False, True),
        ("degraded", "complete", True, False, True),
        ("silent", "timed_out", True, False, False),
        ("idle", "complete", True, True, True),
        ("blocked", "complete", False, False, True),
        ("frozen", "complete", False, False, True),
        ("dead", "complete", False, False, False),
        ("stopped", "complete", True, False, False),
    ],
)
def test_one_process(state: str, boot: str, livez: bool, readyz: bool, startupz: bool) -> None:
    processes = [snapshot(state=state, boot=boot)]
    assert app_livez(LOOKING, processes).ok is livez
    assert app_readyz(processes).ok is readyz
    assert app_startupz(processes).ok is startupz


def test_no_process_is_nothing_to_kill_and_nothing_to_send_traffic_to() -> None:
    assert app_livez(LOOKING, []) == (True, ("[+] app ok: no process is watched yet",))
    assert app_readyz([]) == (False, ("[-] app failed: no process is watched yet",))
    assert app_startupz([]) == (False, ("[-] app failed: no process is watched yet",))


def test_nobody_is_restarted_for_a_sidecar_of_another_version() -> None:
    """It cannot read what the agent writes; whoever can be read is judged as ever."""
    other = "process 1-a is of another version"
    assert app_startupz([], [other]) == app_readyz([], [other]) == (True, (f"[+] app ok: not known, {other}",))
    assert not app_startupz([snapshot(boot="starting")], [other]).ok
    sidecar = sidecar_readyz(SidecarHealth(0.2, 0.25, others=(other,)))
    assert (sidecar.ok, sidecar.lines[-1]) == (False, f"[-] sidecar failed: {other}")


@pytest.mark.parametrize(("other", "livez", "readyz"), [("healthy", True, True), ("blocked", False, False)])
def test_one_ill_worker_of_several_fails_the_probe(other: str, livez: bool, readyz: bool) -> None:
    processes = [snapshot("1-a"), snapshot("2-b", other)]
    assert app_livez(LOOKING, processes).ok is livez
    assert app_readyz(processes).ok is readyz


def test_a_dead_process_does_not_speak_for_its_successor() -> None:
    processes = [snapshot("1-a", "dead"), snapshot("2-b", "healthy")]
    assert app_livez(LOOKING, processes) == (True, ("[+] 2-b ok: healthy: because healthy",))
    assert app_readyz(processes).ok
    assert app_startupz(processes).ok


@pytest.mark.parametrize(("failing", "ready"), [(1, False), (0, True)])
def test_only_a_failing_critical_post_condition_keeps_traffic_away(failing: int, ready: bool) -> None:
    check = PostconditionReading("broker", passed=False, critical=bool(failing), reason="no session")
    processes = [snapshot(postconditions=(check,), failing=failing)]
    assert app_readyz(processes).ok is ready
    assert ("no session" in app_readyz(processes).lines[0]) is not ready
    assert app_livez(LOOKING, processes).ok, "a restart does not mend a broker"
    assert app_startupz(processes).ok


def test_a_failing_check_counts_even_where_its_record_is_gone() -> None:
    assert app_readyz([snapshot(why="", failing=2)]) == (
        False,
        ("[-] 12-0badcafe failed: healthy; critical post-conditions that fail: 2",),
    )


def test_each_process_has_a_line_that_says_why() -> None:
    check = PostconditionReading("broker", passed=False, critical=True, reason="no session")
    processes = [
        snapshot("1-a", "blocked", why="no beat for 4.0 s"),
        snapshot("2-b", "starting", why="", boot="timed_out"),
        snapshot("3-c", "healthy", why="", postconditions=(check,), failing=1),
    ]
    assert app_readyz(processes).lines == (
        "[-] 1-a failed: blocked: no beat for 4.0 s",
        "[-] 2-b failed: starting; boot timed out",
        "[-] 3-c failed: healthy; post-condition broker fails: no session",
    )


def test_a_process_cannot_write_lines_of_its_own() -> None:
    forged = snapshot(state="blocked", why="x\n[+] 99-z ok: healthy\r\x1b[2J\u2028" + "y" * 900)
    (line,) = app_livez(LOOKING, [forged]).lines
    assert line.startswith("[-] 12-0badcafe failed: blocked: x [+] 99-z ok: healthy  [2J yyy")
    assert len(line) == 504


@rows(
    ("age", "interval", "live", "ready"),
    [
        (None, 0.25, True, False),
        (0.2, 0.25, True, True),
        (5.0, 0.25, True, True),
        (5.1, 0.25, False, False),
        (39.0, 10.0, True, True),
        (41.0, 10.0, False, False),
    ],
)
def test_the_sidecar_is_ready_while_its_watcher_polls(
    age: float | None, interval: float, live: bool, ready: bool
) -> None:
    assert sidecar_livez(SidecarHealth(age, interval)).ok is live
    assert sidecar_readyz(SidecarHealth(age, interval)).ok is ready


def test_what_keeps_the_sidecar_from_its_work_makes_it_unready_not_dead() -> None:
    sidecar = SidecarHealth(0.2, 0.25, ("the spool cannot be written",))
    assert sidecar_livez(sidecar).ok
    assert sidecar_readyz(sidecar) == (
        False,
        ("[+] watcher ok: last polled 0.2 s ago", "[-] sidecar failed: the spool cannot be written"),
    )


def test_nothing_is_killed_for_what_a_stuck_watcher_saw_last() -> None:
    stuck = SidecarHealth(60.0, 0.25)
    assert app_livez(stuck, [snapshot(state="blocked")]) == (
        True,
        ("[+] app ok: not known, last polled 60.0 s ago",),
    )


def test_how_the_export_is_doing_is_said_in_either_case() -> None:
    said = "last success 2.0 s ago, 0 bytes wait"
    assert sidecar_readyz(SidecarHealth(0.2, 0.25, (), said)).lines[-1] == f"[+] export ok: {said}"
    failing = sidecar_readyz(SidecarHealth(0.2, 0.25, ("traces to http://c: HTTP 503",), said))
    assert failing == (
        False,
        (
            "[+] watcher ok: last polled 0.2 s ago",
            "[-] sidecar failed: traces to http://c: HTTP 503",
            f"[-] export failed: {said}",
        ),
    )
