"""Every illness as a real experiment: one sidecar, one run directory full of processes, the real Collector.

Each row tells the exported state, the one log record of coming in, the span of going out, and that
nothing else was said before or after; `lifesign status` agrees while it lasts.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Iterator

import pytest

from support.faults.cgroups import limited
from support.illnesses.ward import TIMEOUT, Patient, Ward, status, wait_for, ward
from support.reported import KNOWN
from support.supervised import state

BLOCKED = ("blocked", "lifesign.eventloop.blocked", "eventloop blocked")
FROZEN = ("frozen", "lifesign.process.frozen", "process frozen")
HELD = {
    "sleep": BLOCKED, "spin": BLOCKED, "read": BLOCKED,
    "ctypes": FROZEN, "backtrack": FROZEN, "add": FROZEN,
}  # fmt: skip
ENDINGS = {
    # Without a supervisor only the kernel knows of signals and exit codes.
    "throw": ("dead", "lifesign.process.died", "uncaught ValueError: the order book is empty"),
    "leave": (
        "dead",
        "lifesign.process.died",
        "exit code 3, which nobody asked for" if KNOWN else "gone without a tombstone: killed, or ended by os._exit",
    ),
    "exit 0": ("stopped", "lifesign.process.stopped", "ended by itself"),
}
KILLED = ("dead", "lifesign.process.died", "killed by SIGKILL" if KNOWN else "gone without a tombstone")
OTHERS = ("stop", "kill", "deadlock", "rest", "fork", "daemonize", "labour")
PROMISING = {
    "never": {"LIFESIGN_EVENTS": "order=1s", "LIFESIGN_BOOT_TIMEOUT": "1"},
    "no longer": {"LIFESIGN_EVENTS": "order=1s"},
}
PROCESSES = 20


class Beds:
    """The run directory with a process for every illness, healthy ones to make it full, and its sidecar."""

    def __init__(self, of: Ward) -> None:
        self.directory = of.directory("beds")
        self.sidecar = of.sidecar(self.directory)
        self.patients = {name: of.patient(self.directory, name) for name in (*HELD, *ENDINGS, *OTHERS)}
        self.patients.update({name: of.patient(self.directory, **more) for name, more in PROMISING.items()})
        while len(self.patients) < PROCESSES:
            self.patients[f"sibling {len(self.patients)}"] = of.patient(self.directory)
        self.charts = of.charts
        for patient in self.patients.values():
            patient.begin()
        self.patients["no longer"].tell("tick")

    def __getitem__(self, name: str) -> Patient:
        return self.patients[name]

    def healthy(self, name: str) -> Patient:
        """The one who is to have this illness, once it is seen to be well."""
        self[name].comes_to("healthy")
        return self[name]


@pytest.fixture(scope="module")
def beds(otelcol: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beds]:
    with ward(otelcol, tmp_path_factory.mktemp("ward")) as of:
        yield Beds(of)


def assert_passed(patient: Patient, illness: tuple[str, str, str], ill: int, well: int) -> None:
    """It came, was reported once, and went, and its span holds it from the last sign of life to the next."""
    state, event, span = illness
    patient.comes_to("healthy")
    wait_for(lambda: patient.chart.illnesses, lambda: span)
    assert patient.chart.course == ["healthy", state, "healthy"]
    assert patient.chart.events == [event]
    (episode,) = patient.chart.illnesses
    assert episode.name == span
    assert episode.start <= ill
    assert episode.end >= well
    entry = patient.chart.entry(event)
    assert entry.time == episode.start
    assert entry.attributes["lifesign.state"] == state


@pytest.mark.parametrize("illness", HELD)
def test_what_holds_the_loop(illness: str, beds: Beds) -> None:
    patient = beds.healthy(illness)
    patient.tell(illness)
    ill = patient.hear("ill")
    entry = patient.reports(HELD[illness][1])
    print(f"reported after {(entry.arrived - ill) / 1e9:.2f} s")
    patient.shows(HELD[illness][0])
    patient.comes_to(HELD[illness][0])
    if illness != "add":  # nothing gets into that one, it ends by itself
        patient.signal(signal.SIGUSR1)
    assert_passed(patient, HELD[illness], ill, patient.hear("well"))


def test_stopped_and_continued(beds: Beds) -> None:
    patient = beds.healthy("stop")
    patient.signal(signal.SIGSTOP)
    wait_for(lambda: state(patient.watched) == "T", lambda: "SIGSTOP")
    ill = time.time_ns()
    entry = patient.reports("lifesign.process.frozen")
    print(f"reported after {(entry.arrived - ill) / 1e9:.2f} s")
    patient.shows("frozen")
    patient.comes_to("frozen")
    well = time.time_ns()
    patient.signal(signal.SIGCONT)
    assert_passed(patient, FROZEN, ill, well)


def test_a_promised_event_that_never_comes(beds: Beds) -> None:
    patient = beds["never"]
    patient.comes_to("silent")
    patient.shows("silent")
    patient.tell("tick")
    patient.comes_to("healthy")
    assert patient.chart.course == ["silent", "healthy"]
    assert patient.chart.events == ["lifesign.checkpoint.failed", "lifesign.boot.failed", "lifesign.silence"]
    assert "none since the start" in patient.chart.entry("lifesign.silence").body
    assert patient.chart.illnesses == []


def test_a_promised_event_that_comes_no_longer(beds: Beds) -> None:
    patient = beds.healthy("no longer")
    patient.tell("stop tick")
    entry = patient.reports("lifesign.silence")
    assert "last seen" in entry.body
    patient.shows("silent")
    patient.comes_to("silent")
    patient.tell("tick")
    patient.comes_to("healthy")
    assert patient.chart.course == ["healthy", "silent", "healthy"]
    assert patient.chart.events == ["lifesign.silence"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_ends_that_nobody_waits_for(ending: str, beds: Beds) -> None:
    patient = beds.healthy(ending)
    patient.tell(ending)
    assert_ended(patient, *ENDINGS[ending])


def test_killed(beds: Beds) -> None:
    patient = beds.healthy("kill")
    patient.signal(signal.SIGKILL)
    ill = time.time_ns()
    assert_ended(patient, *KILLED)
    print(f"reported after {(patient.chart.entry('lifesign.process.died').arrived - ill) / 1e9:.2f} s")


def assert_ended(patient: Patient, end: str, event: str, why: str) -> None:
    assert patient.reports(event).body.startswith(why)
    patient.comes_to(end)
    patient.shows(end)
    # Without a loop it goes on for a moment, until it has ended.
    assert [state for state in patient.chart.course if state != "idle"] == ["healthy", end]
    assert patient.chart.events == [event]
    assert patient.chart.illnesses == []


def test_one_loop_ends_and_another_starts(beds: Beds) -> None:
    patient = beds.healthy("rest")
    patient.tell("rest")
    patient.line_with("resting")
    patient.comes_to("idle")
    patient.shows("idle")
    patient.lives_on()
    patient.tell("go on")
    patient.line_with("ready")
    patient.comes_to("healthy")
    assert patient.chart.course == ["healthy", "idle", "healthy"]
    assert patient.chart.events == []


def test_a_forked_child_whose_parent_is_killed(beds: Beds) -> None:
    patient = beds.healthy("fork")
    patient.tell("fork")
    child = patient.victim()
    patient.signal(signal.SIGKILL)
    assert_ended(patient, *KILLED)
    assert_goes_on(beds, child)


def test_a_forked_child_whose_parent_has_gone(beds: Beds) -> None:
    patient = beds.healthy("daemonize")
    patient.tell("daemonize")
    child = patient.victim()
    patient.comes_to("stopped")
    patient.shows("stopped")
    assert [state for state in patient.chart.course if state != "idle"] == ["healthy", "stopped"]
    assert patient.chart.events == ["lifesign.process.stopped"]
    assert_goes_on(beds, child)


def assert_goes_on(beds: Beds, pid: int) -> None:
    wait_for(lambda: beds.charts[pid].uptime > 1.5 * TIMEOUT, lambda: f"{pid}: {beds.charts[pid].uptime:.1f}")
    assert status(beds.directory, pid) == ("healthy", "healthy")
    assert beds.charts[pid].course == ["healthy"]
    assert beds.charts[pid].events == []


def test_a_deadlocked_await_is_no_illness_of_the_loop(beds: Beds) -> None:
    patient = beds.healthy("deadlock")
    patient.tell("deadlock")
    patient.comes_to("degraded")  # once it is found; the loop turns
    assert patient.chart.course == ["healthy", "degraded"]
    assert patient.chart.events == ["lifesign.process.degraded"]


def test_throttled_is_not_frozen(beds: Beds) -> None:
    """With a twentieth of a CPU each turn of its loop takes longer than the timeout, and there is a next one."""
    patient = beds.healthy("labour")
    with limited("cpu", patient.watched, {"cpu.cfs_quota_us": "5000"}, {"cpu.max": "5000 100000"}):
        before = patient.chart.heartbeats
        patient.tell("labour")
        patient.lives_on(6 * TIMEOUT)
    assert patient.chart.heartbeats > before
    assert "frozen" not in patient.chart.states
    assert "lifesign.process.frozen" not in patient.chart.events
    patient.tell("stop labour")
    patient.comes_to("healthy")


@pytest.mark.parametrize("also", [False, True], ids=["sidecar", "machine"])
def test_what_a_sidecar_slept_through_is_no_illness(also: bool, beds: Beds) -> None:
    sibling = beds.healthy("sibling 18")
    # What a quota does to "labour", and that a deadlock is found in time, is checked elsewhere, and may be on its way.
    others = [patient for name, patient in beds.patients.items() if name not in {*PROMISING, "labour", "deadlock"}]
    alarms = [list(patient.chart.events) for patient in others]
    asleep = [beds.sidecar.pid, sibling.watched] if also else [beds.sidecar.pid]
    for pid in asleep:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(2 * TIMEOUT)  # what is tested is that this much time passes
    for pid in asleep:
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.3 * TIMEOUT)  # the sidecar is up first, and looks at one who is not yet
    sibling.lives_on(0.0)
    sibling.lives_on()
    assert [patient.chart.events for patient in others] == alarms
    assert sibling.chart.course == ["healthy"]


def test_all_of_them_in_one_directory(beds: Beds) -> None:
    """Whatever happened to the others, every process has its own chart, and the healthy ones a clean one."""
    assert len({patient.chart.uptime for patient in beds.patients.values()} - {0.0}) >= PROCESSES
    siblings = [patient for name, patient in beds.patients.items() if name.startswith("sibling")]
    assert siblings
    for sibling in siblings:
        sibling.lives_on(0.0)
        assert sibling.chart.course == ["healthy"]
        assert sibling.chart.events == []
        assert sibling.chart.illnesses == []
