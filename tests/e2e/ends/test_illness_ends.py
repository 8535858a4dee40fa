"""How a process under `lifesign run` ends, each way for real, and a wall clock that jumps while it lives."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import pytest

from support.faults.cgroups import limited
from support.faults.wallclock import WallClock
from support.illnesses.ward import Patient, Ward, wait_for, ward
from support.victims import folders

MEMORY = str(64 << 20)


class End(NamedTuple):
    """A row: what is done, and what is reported; `status` is the exit status of `lifesign run`."""

    cause: Callable[[Patient], None]
    state: str
    why: str
    attributes: dict[str, str]
    status: int


def tell(line: str) -> Callable[[Patient], None]:
    return lambda patient: patient.tell(line)


def kill(number: signal.Signals) -> Callable[[Patient], None]:
    return lambda patient: patient.signal(number)


def ask(patient: Patient) -> None:
    """SIGTERM, to the supervisor."""
    patient.process.terminate()


def starve(patient: Patient) -> None:
    """More memory than its control group has."""
    v1, v2 = {"memory.limit_in_bytes": MEMORY}, {"memory.max": MEMORY}
    with limited("memory", patient.watched, v1, v2):
        time.sleep(2)  # the sidecar looks once a second which control group it is in
        patient.tell("eat")
        patient.end()


def code(number: int) -> dict[str, str]:
    return {"process.exit.code": str(number)}


def by_signal(name: str) -> dict[str, str]:
    return {"lifesign.process.exit.signal": name}


THROWN = {"exception.type": "ValueError", "exception.message": "the order book is empty"}
CRASHES = ("SIGSEGV", "SIGABRT")  # their last words say more
UNCAUGHT = "uncaught ValueError: the order book is empty"
ENDS = {
    "SIGKILL": End(kill(signal.SIGKILL), "dead", "killed by SIGKILL", by_signal("SIGKILL"), 137),
    "SIGSEGV": End(tell("segv"), "dead", "killed by SIGSEGV", by_signal("SIGSEGV"), 139),
    "SIGABRT": End(tell("abort"), "dead", "killed by SIGABRT", by_signal("SIGABRT"), 134),
    "out of memory": End(starve, "dead", "killed by the kernel's OOM killer", by_signal("SIGKILL"), 137),
    "uncaught exception": End(tell("throw"), "dead", UNCAUGHT, {**THROWN, **code(1)}, 1),
    "os._exit(3)": End(tell("leave"), "dead", "exit code 3, which nobody asked for", code(3), 3),
    "sys.exit(3)": End(tell("exit 3"), "dead", "exit code 3, which nobody asked for", code(3), 3),
    "sys.exit(0)": End(tell("exit 0"), "stopped", "ended by itself", code(0), 0),
    "terminable": End(ask, "stopped", "ended by SIGTERM, as asked", code(0), 0),
    "SIGTERM without a handler": End(ask, "stopped", "ended by SIGTERM, as asked", by_signal("SIGTERM"), 143),
    "SIGTERM past the supervisor": End(
        kill(signal.SIGTERM), "dead", "killed by SIGTERM", by_signal("SIGTERM"), 143
    ),
}  # fmt: skip
EVENTS = {"dead": "lifesign.process.died", "stopped": "lifesign.process.stopped"}


AHEAD = 3  # rooms that are made ready while a test runs


class Rooms:
    """A `lifesign run` for every row, in a run directory of its own with a healthy sibling in it."""

    def __init__(self, of: Ward) -> None:
        self.ward = of
        self._made: dict[str, tuple[Patient, Patient]] = {}

    def enter(self, name: str) -> tuple[Patient, Patient]:
        """The patient of this row and its sibling, both healthy."""
        names = list(ENDS)
        for number in range(names.index(name), min(names.index(name) + AHEAD, len(names))):
            if names[number] not in self._made:
                directory = self.ward.directory(f"room {number}")
                self._made[names[number]] = (
                    self.ward.supervised(directory, names[number]),
                    self.ward.patient(directory),
                )
        for one in self._made[name]:
            one.begin()
            one.comes_to("healthy")
        return self._made[name]


@pytest.fixture(scope="module")
def rooms(otelcol: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    with ward(otelcol, tmp_path_factory.mktemp("ward")) as of:
        yield Rooms(of)


@pytest.mark.parametrize("name", ENDS)
def test_an_end(name: str, rooms: Rooms) -> None:
    end = ENDS[name]
    patient, sibling = rooms.enter(name)
    end.cause(patient)
    assert patient.end() == end.status
    entry = patient.reports(EVENTS[end.state])
    why, _, _ = entry.body.partition("; ")  # behind it is where, as far as that is known
    assert why.startswith(end.why)  # of memory it also says how much was used
    reported = {
        key: value for key, value in entry.attributes.items() if key.startswith(("process.", "lifesign.process."))
    }
    if name not in CRASHES:
        reported.update({key: value for key, value in entry.attributes.items() if key in THROWN})
    assert reported == end.attributes
    patient.comes_to(end.state)
    patient.shows(end.state)
    # Without a loop it goes on for a moment, until it has ended.
    assert [state for state in patient.chart.course if state != "idle"] == ["healthy", end.state]
    assert patient.chart.illnesses == []
    assert patient.chart.events == [EVENTS[end.state]]
    assert sibling.chart.course == ["healthy"]
    assert sibling.chart.events == []
    sibling.shows("healthy")


def test_an_uncaught_exception_at_boot(rooms: Rooms) -> None:
    patient = rooms.ward.supervised(rooms.ward.directory("boot"), "throw at boot")
    assert patient.end() == 1
    (folder,) = folders(patient.directory)
    patient.watched = int(folder.name.partition("-")[0])
    assert patient.reports("lifesign.process.died").body.startswith(f"{UNCAUGHT}; raised in ")
    patient.comes_to("dead")
    patient.shows("dead")
    assert patient.chart.course == ["dead"]
    assert patient.chart.events == ["lifesign.boot.failed", "lifesign.process.died"]
    failed = patient.chart.entry("lifesign.boot.failed")
    said = f"the boot stopped after checkpoint 'config loaded': {UNCAUGHT}"
    assert failed.body.startswith(f"{said}; raised in throw (patient.py:")
    assert failed.attributes["lifesign.cause"] == "uncaught-exception"


@pytest.fixture
def wall_clock(tmp_path: Path) -> WallClock:
    return WallClock.made(tmp_path / "offset")


def test_a_wall_clock_that_jumps_is_no_illness(rooms: Rooms, wall_clock: WallClock) -> None:
    patient = rooms.ward.supervised(rooms.ward.directory("jumps"), **wall_clock.environ)
    patient.begin()
    patient.comes_to("healthy")
    for offset in (3600, -3600):
        wall_clock.set(offset)
        patient.lives_on()
        patient.shows("healthy")
    ask(patient)
    assert patient.end() == 143
    patient.comes_to("stopped")
    patient.reports("lifesign.process.stopped")
    assert patient.chart.course == ["healthy", "stopped"]
    assert patient.chart.events == ["lifesign.process.stopped"]
    assert patient.chart.episodes
    assert [one for one in patient.chart.episodes if one.start > one.end] == []


@pytest.mark.parametrize("offset", [3600, -3600], ids=["on", "back"])
def test_an_illness_is_as_long_as_it_was_whatever_the_wall_clock_says(
    offset: int, rooms: Rooms, wall_clock: WallClock
) -> None:
    patient = rooms.ward.supervised(rooms.ward.directory(f"illness {offset}"), **wall_clock.environ)
    patient.begin()
    patient.comes_to("healthy")
    patient.tell("read")
    patient.hear("ill")
    ill = time.monotonic_ns()
    patient.reports("lifesign.eventloop.blocked")
    wall_clock.set(offset)
    patient.lives_on()
    held = time.monotonic_ns() - ill
    patient.signal(signal.SIGUSR1)
    patient.comes_to("healthy")
    wait_for(lambda: patient.chart.illnesses, lambda: "its span")
    assert patient.chart.course == ["healthy", "blocked", "healthy"]
    assert patient.chart.events == ["lifesign.eventloop.blocked"]
    (episode,) = patient.chart.illnesses
    assert held <= episode.end - episode.start < abs(offset) * 1e9
