"""How a process under `lifesign run` ends, each way for real, and a wall clock that jumps while it lives."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import pytest
from cgroups import limited
from illness import Patient, Ward, wait_for, ward

TOOLS = Path(__file__).parents[1] / "tools"
MEMORY = str(64 << 20)


class End(NamedTuple):
    """A row: what is done, and what is told of it; `status` is the exit status of `lifesign run`."""

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
        patient.tell("eat")
        patient.end()


def code(number: int) -> dict[str, str]:
    return {"process.exit.code": str(number)}


def by_signal(name: str) -> dict[str, str]:
    return {"lifesign.process.exit.signal": name}


THROWN = {"exception.type": "ValueError", "exception.message": "the order book is empty"}
UNCAUGHT = "uncaught ValueError: the order book is empty"
ENDS = {
    "SIGKILL": End(kill(signal.SIGKILL), "dead", "killed by SIGKILL", by_signal("SIGKILL"), 137),
    "SIGSEGV": End(tell("segv"), "dead", "killed by SIGSEGV", by_signal("SIGSEGV"), 139),
    "SIGABRT": End(tell("abort"), "dead", "killed by SIGABRT", by_signal("SIGABRT"), 134),
    "out of memory": End(starve, "dead", "killed by SIGKILL", by_signal("SIGKILL"), 137),
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


class Rooms:
    """A `lifesign run` for every row, in a run directory of its own with a healthy sibling in it."""

    def __init__(self, of: Ward) -> None:
        self.ward = of
        directories = {name: of.directory(f"room {number}") for number, name in enumerate(ENDS)}
        self.patients = {name: of.supervised(directory, name) for name, directory in directories.items()}
        self.siblings = {name: of.patient(directory) for name, directory in directories.items()}
        for one in (*self.patients.values(), *self.siblings.values()):
            one.begin()


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rooms]:
    binary = os.environ.get("LIFESIGN_TEST_OTELCOL")
    if not binary:
        pytest.fail("LIFESIGN_TEST_OTELCOL is not set: run `make test`")
    with ward(binary, tmp_path_factory.mktemp("ward")) as of:
        yield Rooms(of)


@pytest.mark.parametrize("name", ENDS)
def test_an_end(name: str, rooms: Rooms) -> None:
    end, patient, sibling = ENDS[name], rooms.patients[name], rooms.siblings[name]
    patient.comes_to("healthy")
    sibling.comes_to("healthy")
    end.cause(patient)
    assert patient.end() == end.status
    entry = patient.reports(EVENTS[end.state])
    assert entry.body == end.why
    told = {key: value for key, value in entry.attributes.items() if key.startswith(("process.", "lifesign.process."))}
    told.update({key: value for key, value in entry.attributes.items() if key in THROWN})
    assert told == end.attributes
    patient.comes_to(end.state)
    assert patient.status() == end.state
    assert patient.chart.course == ["healthy", end.state]
    assert patient.chart.events == [EVENTS[end.state]]
    assert sibling.chart.course == ["healthy"]
    assert sibling.chart.events == []
    assert sibling.status() == "healthy"


def test_an_uncaught_exception_at_boot(rooms: Rooms) -> None:
    patient = rooms.ward.supervised(rooms.ward.directory("boot"), "throw at boot")
    assert patient.end() == 1
    pid = wait_for(lambda: patient.charts.of("lifesign.process.died"), lambda: "a death")
