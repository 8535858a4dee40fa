"""`lifesign probe` over run directories made by hand: its answers are those of the health endpoints."""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lifesign import probe
from lifesign.cli.main import main as command
from lifesign.judge import glance as glance_module
from lifesign.judge import health
from lifesign.judge.glance import glance
from lifesign.judge.health import Health
from lifesign.judge.rundir import RunDirectory
from lifesign.serve import health as endpoints
from lifesign.settings import Settings
from lifesign.watch.once import poll_once
from lifesign.wire import layout
from support.made import illnesses

LOOKING = endpoints.SidecarHealth(0.1, 0.25)
TIMEOUT = 30.0  # far from every age below, whatever the machine is busy with

# What is the case, and how live, ready and startup are answered.
TABLE = [
    (illnesses.healthy, True, True, True),
    (illnesses.starting, True, False, False),
    (illnesses.timed_out, True, True, False),
    (illnesses.stuck_in_a_checkpoint, True, False, False),
    (illnesses.late_for_a_checkpoint, True, True, False),
    (illnesses.without_a_checkpoint, True, False, False),
    (illnesses.silent, True, False, True),
    (illnesses.on_time, True, True, True),
    (illnesses.blocked, False, False, True),
    (illnesses.parked_beside, True, True, True),
    (illnesses.frozen, False, False, True),
    (illnesses.late_but_in_time, True, True, True),
    (illnesses.idle, True, True, True),
    (illnesses.failing, True, False, True),
    (illnesses.recovered, True, True, True),
    (illnesses.forgotten, True, False, True),
    (illnesses.killed, False, False, False),
    (illnesses.stopped, True, False, False),
    (illnesses.raised, False, False, False),
    (illnesses.asked_to_end, True, False, False),
    (illnesses.left_with_a_code, False, False, False),
    (illnesses.with_a_run_file_that_is_not_one, False, False, False),
]


@pytest.mark.parametrize(("case", "live", "ready", "startup"), TABLE, ids=[row[0].__name__ for row in TABLE])
def test_the_probe_answers_as_the_endpoints_do(
    case: Callable[[Any, Path], None], live: bool, ready: bool, startup: bool, main: Callable[..., Any], run: Path
) -> None:
    case(main(), run)
    settings = Settings(environ={"LIFESIGN_HEARTBEAT_TIMEOUT": str(TIMEOUT)})
    seen = poll_once(str(run), settings, {})
    with contextlib.closing(RunDirectory(str(run))) as directory:
        facts = glance(directory, TIMEOUT)
    pairs = [
        (endpoints.app_livez(LOOKING, seen), health.livez(facts), live),
        (endpoints.app_readyz(seen), health.readyz(facts), ready),
        (endpoints.app_startupz(seen), health.startupz(facts), startup),
    ]
    for answered, probed, expected in pairs:
        assert (answered.ok, probed.ok) == (expected, expected)
        # Why, but for the ages; with its two samples the probe may say more of a freeze.
        for said, more in zip(without_digits(answered), without_digits(probed), strict=True):
            assert more.startswith(said.partition(" that computes")[0])


def without_digits(verdict: Health) -> list[str]:
    return ["".join(c for c in line if not c.isdigit()) for line in verdict.lines]


def test_a_pulse_of_any_other_shape_is_passed_over(main: Callable[..., Any], run: Path) -> None:
    main("1-00000001", started_mono_ns="soon")
    illnesses.booted(main("2-00000002"))
    (run / "3-00000003").mkdir()
    (run / "4-00000004").symlink_to(run / "2-00000002")
    broken = main("5-00000005")
    broken.pulse.boot.append({"kind": "boot_ended", "outcome": "splendid"})
    broken.beat(failing=1)
    broken.pulse.loops[1].begin(layout.LOOP_RUNNING, 2, 4242, 0)
    broken.pulse.loops[1].write(1, 0, time.monotonic_ns(), 0)
    for record in ({"kind": "postconditions", "results": [5, {"name": 7}]}, {"kind": "stall", "loop": "first"}):
        broken.pulse.ring.append(record)
    broken.pulse.write_tombstone({"how": "exception", "error": {"type": "ValueError"}})
    with contextlib.closing(RunDirectory(str(run))) as directory:
        assert [(one.key, one.boot) for one in glance(directory, TIMEOUT)] == [
            ("2-00000002", "complete"),
            ("5-00000005", "starting"),
        ]


@pytest.fixture(params=["module", "verb"])
def ask(request: pytest.FixtureRequest) -> Callable[..., int]:
    """The two ways to the probe: of an injected copy, and of the command."""
    if request.param == "module":
        return lambda *argv: probe.main(argv)
    return lambda *argv: command(["probe", *argv])


def test_the_exit_code_is_the_answer(
    ask: Callable[..., int], main: Callable[..., Any], run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    illnesses.failing(main(), run)
    options = ["--dir", str(run), "--heartbeat-timeout", str(TIMEOUT)]
    assert [ask(*options), ask("--live", *options), ask("--ready", *options), ask("--startup", *options)] == [
        0,
        0,
        1,
        0,
    ]
    assert capfd.readouterr().out == "ok\nok\nfailed\nok\n"
    assert ask("--ready", "--verbose", *options) == 1
    assert capfd.readouterr().out == ("[-] 4242-00000001 failed: degraded: post-condition 'db' fails: gone\nfailed\n")


def test_a_hook_announces_the_stop_of_its_container(
    ask: Callable[..., int], main: Callable[..., Any], run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    illnesses.healthy(main(), run)
    assert ask("--stopping", "--dir", str(run)) == 0
    assert (run / "stopping.json").exists()
    assert capfd.readouterr() == ("", "")


def test_a_hook_that_cannot_announce_says_so(
    ask: Callable[..., int], run: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(directory: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(probe, "announce", refuse)
    assert ask("--stopping", "--dir", str(run)) == 3
    assert f"the run directory {run} cannot be written: Permission denied" in capfd.readouterr().err


def test_the_environment_says_where_and_a_slip_elsewhere_in_it_harms_nobody(
    ask: Callable[..., int], main: Callable[..., Any], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    illnesses.booted(main())
    monkeypatch.setenv("LIFESIGN_DIR", str(run))
    monkeypatch.setenv("LIFESIGN_HEARTBEAT_TIMEOUT", str(TIMEOUT))
    monkeypatch.setenv("LIFESIGN_EVENTS", "malformed")
    assert ask("--ready") == 0


@pytest.mark.parametrize(
    ("argv", "what"),
    [
        (["--dir", "/no/such"], "no/such"),
        (["--dir", "/", "--heartbeat-timeout", "soon"], "--heartbeat-timeout='soon' cannot be used"),
        (["--live", "--ready"], "not allowed with argument"),
        (["--deaf"], "--deaf"),
    ],
)
def test_a_question_that_cannot_be_asked_is_no_answer(
    ask: Callable[..., int], argv: list[str], what: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ask(*argv) == 3
    out, err = capfd.readouterr()
    assert out == ""
    assert what in err


def test_no_run_directory_is_said(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("LIFESIGN_DIR", raising=False)
    assert probe.main([]) == 3
    assert capfd.readouterr().err == "lifesign: no run directory is named\n  try: LIFESIGN_DIR, or --dir DIR\n"
    assert probe.main(["--help"]) == 0


def test_of_a_process_in_another_container_the_kernel_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "life").touch()
    vitals: Any = SimpleNamespace(watchdog=SimpleNamespace(mono_ns=0))
    asking: Any = None  # is not needed
    with open(tmp_path / "life", "rb") as life:
        found = glance_module._circumstances(vitals, asking, life.fileno(), 5_000_000_000, 3_000_000_000)
        assert found is not None
        assert found.outside is None
        assert glance_module._circumstances(vitals, asking, life.fileno(), 2_000_000_000, 3_000_000_000) is None
