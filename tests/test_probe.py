"""`lifesign probe` over run directories made by hand: its answers are those of the health endpoints."""

from __future__ import annotations

import contextlib
import errno
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lifesign import probe
from lifesign.cli.main import main as command
from lifesign.judge import health
from lifesign.judge.glance import glance
from lifesign.judge.health import Health
from lifesign.judge.rundir import RunDirectory
from lifesign.serve import sidecar_health as endpoints
from lifesign.settings import Settings
from lifesign.watch.once import poll_once
from lifesign.wire import layout
from support.mainprocess import report

LOOKING = endpoints.SidecarHealth(0.1, 0.25)
TIMEOUT = 30.0  # far from every age below, whatever the machine is busy with
AGES_AGO = 1000.0
CHECKPOINT = {
    "kind": "checkpoint",
    "id": "00f067aa0ba902b7",
    "name": "broker",
    "number": None,
    "total": None,
    "start": 3,
    "end": None,
    "error": None,
    "synthetic": False,
}


def booted(service: Any, outcome: str = "complete") -> None:
    service.pulse.boot.append({"kind": "boot_ended", "outcome": outcome, "diagnostic": "", "end": 5})


def healthy(service: Any, run: Path) -> None:
    booted(service)


def starting(service: Any, run: Path) -> None:
    service.beat(phase=layout.BOOT_STARTING)


def timed_out(service: Any, run: Path) -> None:
    booted(service, "timed_out")
    service.beat(phase=layout.BOOT_TIMED_OUT)


def stuck_in_a_checkpoint(service: Any, run: Path) -> None:
    service.pulse.boot.append(CHECKPOINT)
    timed_out(service, run)


def late_for_a_checkpoint(service: Any, run: Path) -> None:
    stuck_in_a_checkpoint(service, run)
    service.pulse.boot.append({**CHECKPOINT, "end": 7})


def without_a_checkpoint(service: Any, run: Path) -> None:
    service.pulse.boot.append({"kind": "boot_expects", "names": ["broker"]})
    timed_out(service, run)


def silent(service: Any, run: Path) -> None:
    booted(service)
    service.pulse.events.promise("order", 1_000_000_000)


def on_time(service: Any, run: Path) -> None:
    booted(service)
    service.pulse.events.promise("order", 10**13)
    service.pulse.events.count("order")


def blocked(service: Any, run: Path) -> None:
    booted(service)
    service.beat(age=AGES_AGO, watchdog_age=0.0)


def frozen(service: Any, run: Path) -> None:
    booted(service)
    service.beat(age=AGES_AGO)


def late_but_in_time(service: Any, run: Path) -> None:
    booted(service)
    service.beat(age=1.0)


def idle(service: Any, run: Path) -> None:
    booted(service)
    now = time.monotonic_ns()
    service.pulse.loops[0].write(layout.LOOP_ENDED, 1, 1, 1, now, 0, 4242, 0)


def failing(service: Any, run: Path) -> None:
    booted(service)
    service.pulse.ring.append(report())
    service.beat(failing=1)


def recovered(service: Any, run: Path) -> None:
    failing(service, run)
    service.pulse.ring.append(report(passed=True, reason=""))
    service.beat(failing=0)


def forgotten(service: Any, run: Path) -> None:
    booted(service)
    service.beat(failing=3)


def killed(service: Any, run: Path) -> None:
    booted(service)
    service.die()


def stopped(service: Any, run: Path) -> None:
    booted(service)
    service.pulse.write_tombstone({"how": "clean", "error": None, "ended": 9, "beats": 1, "events": 0})
    service.die()


def raised(service: Any, run: Path) -> None:
    booted(service)
    error = {"type": "KeyError", "message": "'x'", "stack": ""}
    service.pulse.write_tombstone({"how": "exception", "error": error, "ended": 9, "beats": 1, "events": 0})
    service.die()


def asked_to_end(service: Any, run: Path) -> None:
    killed(service, run)
    content = {"pid": 4242, "asked": "SIGTERM", "exit_code": None, "signal": "SIGTERM"}
    (run / "run.json").write_text(json.dumps(content))


def left_with_a_code(service: Any, run: Path) -> None:
    killed(service, run)
    (run / "run.json").write_text(json.dumps({"pid": 4242, "asked": None, "exit_code": 7, "signal": None}))


def with_a_run_file_that_is_not_one(service: Any, run: Path) -> None:
    killed(service, run)
    (run / "run.json").write_text(json.dumps({"pid": 4242, "asked": 5, "exit_code": 0, "signal": None}))


# What is the case, and how live, ready and startup are answered.
TABLE = [
    (healthy, True, True, True),
    (starting, True, False, False),
    (timed_out, True, True, False),
    (stuck_in_a_checkpoint, True, False, False),
    (late_for_a_checkpoint, True, True, False),
    (without_a_checkpoint, True, False, False),
    (silent, True, False, True),
    (on_time, True, True, True),
    (blocked, False, False, True),
    (frozen, False, False, True),
    (late_but_in_time, True, True, True),
    (idle, True, True, True),
    (failing, True, False, True),
    (recovered, True, True, True),
    (forgotten, True, False, True),
    (killed, False, False, False),
    (stopped, True, False, False),
    (raised, False, False, False),
    (asked_to_end, True, False, False),
    (left_with_a_code, False, False, False),
    (with_a_run_file_that_is_not_one, False, False, False),
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
            assert more.startswith(said)


def without_digits(verdict: Health) -> list[str]:
    return ["".join(c for c in line if not c.isdigit()) for line in verdict.lines]


def test_a_pulse_of_any_other_shape_is_passed_over(main: Callable[..., Any], run: Path) -> None:
    main("1-00000001", started_mono_ns="soon")
    booted(main("2-00000002"))
    (run / "3-00000003").mkdir()
    (run / "4-00000004").symlink_to(run / "2-00000002")
    broken = main("5-00000005")
    broken.pulse.boot.append({"kind": "boot_ended", "outcome": "splendid"})
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
    failing(main(), run)
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
    healthy(main(), run)
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
    booted(main())
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
