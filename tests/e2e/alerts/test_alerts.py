"""The alerts for real: every illness in real processes, real sidecars, a real gateway, and two real Prometheus.

One takes what the gateway pushes, the other scrapes it. Both run the shipped rules, in a hurry (see
`prometheus.hurried`). Every row of the matrix is a service of its own; it fires what it must, and nothing else.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.backends.gateways import Shipped
from support.backends.prometheus import Prometheus
from support.illnesses.ward import Patient, Ward
from support.waiting import eventually

PATIENCE = 150.0
HELD = ("sleep", "spin", "read", "ctypes", "backtrack", "stop")  # in the loop, or with the GIL, or by a signal
ENDED = ("throw", "leave", "segv", "kill")
EXPECTED: dict[str, set[str]] = {
    **{held: {"HeartbeatMissed"} for held in HELD},
    **{ended: {"ProcessDied"} for ended in ENDED},
    "vanish": {"HeartbeatLost"},
    "no longer": {"EventSilence"},
    "never": {"EventSilence", "BootFailed"},
    "close": {"PostConditionFailed", "ProcessDegraded"},
    "unfit": {"PostConditionFailed", "BootFailed", "ProcessDegraded"},
    "deadlock": {"ProcessDegraded"},  # tasks that can never go on, though nothing was promised
    "leak": {"TaskLeak"},
    "slow": {"EventLoopDelayHigh"},
    "flood": {"RecordsDropped"},
    # What wakes nobody.
    "healthy": set(),
    "exit 0": set(),
    "pause": set(),  # blocked, and over before anybody need know
    "rest": set(),
    "dry run": set(),
    "rollout": set(),
    "terminated": set(),
    "new sidecar": set(),
}
CHRONIC = ("close", "unfit", "leak", "slow", "pause", "flood", "dry run")
APART = ("vanish", "flood")  # with a sidecar that something happens to
SUPERVISED = ("rollout", "terminated", "new sidecar")  # by `lifesign run`
SETTINGS = {"LIFESIGN_HEARTBEAT_TIMEOUT": "2", "LIFESIGN_METRIC_INTERVAL": "0.5", "LIFESIGN_RING_SIZE": "64KiB"}
PROMISING = {
    "never": {"LIFESIGN_EVENTS": "order=2s", "LIFESIGN_BOOT_TIMEOUT": "2"},
    "no longer": {"LIFESIGN_EVENTS": "order=2s"},
}
PIPELINE = ("SidecarPipelineDown", "")
WAYS = ("pushed", "scraped")
KINDS = ("real", "synthetic")


class Round:
    """The services, the gateway, and what both Prometheus say of them."""

    def __init__(self, otelcol: str, binaries: Path, folder: Path) -> None:
        self.prometheus = {way: Prometheus(binaries, folder / way) for way in WAYS}
        self.gateway = Shipped(
            otelcol,
            folder / "gateway",
            "gateway.yaml",
            "gateway-scrape.yaml",
            "gateway-files.yaml",
            # Metrics go both ways; for traces there is no backend here.
            *(
                f"yaml:service::pipelines::metrics/{kind}::exporters: [otlp_http/prometheus, prometheus]"
                for kind in KINDS
            ),
            *(f"yaml:service::pipelines::traces/{kind}::exporters: [file/logs]" for kind in KINDS),
            LIFESIGN_PROMETHEUS=f"http://{self.prometheus['pushed'].address}/api/v1/otlp",
            LIFESIGN_PROMETHEUS_SYNTHETIC=f"http://{self.prometheus['pushed'].address}/api/v1/otlp",
            LIFESIGN_LOGS_FILE=str(folder / "telemetry.jsonl"),
            LIFESIGN_LOGS_SYNTHETIC_FILE=str(folder / "synthetic.jsonl"),
        )
        self.prometheus["pushed"].scrapes(self.gateway.metrics)
        self.prometheus["scraped"].scrapes(self.gateway.metrics, self.gateway.scrape)
        self.ward = Ward({**self.gateway.environment, **SETTINGS}, folder)
        self.ill: dict[str, float] = {}
        self.services: dict[str, Patient] = {}

    def open(self) -> None:
        for component in (*self.prometheus.values(), self.gateway):
            component.start()
        together = self.ward.directory("together")
        self.ward.sidecar(together)
        self._sidecars = {row: self.ward.sidecar(self.ward.directory(row)) for row in APART}
        for row in EXPECTED:
            if row in SUPERVISED:
                self.services[row] = self._supervised(row)
                continue
            program = "chronic.py" if row in CHRONIC else "patient.py"
            directory = self.ward.directory(row) if row in APART else together
            promising = PROMISING.get(row, {})
            self.services[row] = self.ward.patient(directory, row, program=program, OTEL_SERVICE_NAME=row, **promising)
        for service in self.services.values():
            service.begin()
        self.services["no longer"].tell("tick")
        wanted = set(EXPECTED) - {"never", "unfit"}
        self.wait(lambda way: wanted <= self.jobs(way, 'lifesign_process_state{lifesign_state="healthy"} == 1'))

    def fall_ill(self) -> None:
        """All of them, those first that take longest to show."""
        for row in ("leak", "slow", "close", "dry run", "throw", "leave", "segv", "exit 0", "pause", "rest",
                    "deadlock", "sleep", "read", "ctypes", "spin"):  # fmt: skip
            self._tell(row, row)
        self._tell("no longer", "stop tick")
        self.ill["stop"] = self.ill["kill"] = self.ill["vanish"] = time.time()
        self.services["stop"].signal(signal.SIGSTOP)
        self.services["kill"].signal(signal.SIGKILL)
        self._sidecars["vanish"].kill()
        self.services["vanish"].signal(signal.SIGKILL)
        os.kill(self.services["new sidecar"].sidecar(), signal.SIGKILL)
        self._sidecars["flood"].send_signal(signal.SIGSTOP)  # or it might keep up
        self._tell("flood", "flood")
        self.services["flood"].line_with("flooded")
        self._sidecars["flood"].send_signal(signal.SIGCONT)
        for row in ("rollout", "terminated"):
            self.services[row].process.terminate()
            self.services[row].end()
        self.services["rollout"] = self._supervised("rollout")
        # Two at once would leave nobody else a core.
        self.until_fired("spin", {"HeartbeatMissed"})
        self._cure("spin")
        self._tell("backtrack", "backtrack")

    def recover(self) -> None:
        """Whoever can be cured is, and its alert is over."""
        for row in ("sleep", "read", "ctypes", "backtrack"):
            self._cure(row)
        self.services["stop"].signal(signal.SIGCONT)
        self.services["no longer"].tell("tick")
        cured = {*HELD, "no longer"}
        self.wait(lambda way: not cured & self.jobs(way, 'ALERTS{alertstate="firing"}'))

    def lose_the_gateway(self) -> None:
        """For longer than it takes to call a silent process lost; then it is back for as long."""
        self.gateway.kill()
        self.wait(lambda way: PIPELINE in self.fired(way))
        self.wait(lambda way: self.prometheus[way].query("max_over_time(lifesign:pipeline:up[15s]) == 0"))
        self.gateway.start()
        self.wait(lambda way: self.prometheus[way].query("min_over_time(lifesign:pipeline:up[30s]) == 1"))

    def fired(self, way: str) -> dict[tuple[str, str], float]:
        return self.prometheus[way].fired()

    def jobs(self, way: str, expression: str) -> set[str]:
        return {series["metric"].get("job", "") for series in self.prometheus[way].query(expression)}

    def until_fired(self, row: str, alerts: set[str]) -> None:
        self.wait(lambda way: {(alert, row) for alert in alerts} <= set(self.fired(way)))

    def wait(self, holds: Callable[[str], object]) -> None:
        """Until it holds in both Prometheus."""
        eventually(lambda: all(holds(way) for way in WAYS), seconds=PATIENCE, every=0.2)

    def close(self) -> None:
        self.ward.close()
        for component in (self.gateway, *self.prometheus.values()):
            component.stop()

    def _tell(self, row: str, line: str) -> None:
        self.ill[row] = time.time()
        self.services[row].tell(line)

    def _cure(self, row: str) -> None:
        self.services[row].signal(signal.SIGUSR1)

    def _supervised(self, row: str) -> Patient:
        return self.ward.supervised(self.ward.directory(row), "terminable", OTEL_SERVICE_NAME=row)


@pytest.fixture(scope="module")
def played(otelcol: str, prometheus_binaries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    """The whole matrix, played once: everybody falls ill, whoever can recovers, the gateway is lost and found."""
    one = Round(otelcol, prometheus_binaries, tmp_path_factory.mktemp("alerts"))
    try:
        one.open()
        one.fall_ill()
        for row, alerts in EXPECTED.items():
            one.until_fired(row, alerts)
        one.recover()
        one.lose_the_gateway()
        yield one
    finally:
        one.close()


@pytest.mark.parametrize("way", WAYS)
def test_every_illness_fires_what_it_must_and_nothing_else(way: str, played: Round) -> None:
    fired = played.fired(way)
    print(f"\nfrom illness to firing, {way}, with durations made short:")
    for alert, row in sorted(fired, key=lambda of: fired[of]):
        if row in played.ill:
            print(f"  {row:12} {alert:20} {fired[alert, row] - played.ill[row]:5.1f} s")
    assert set(fired) == {(alert, row) for row, alerts in EXPECTED.items() for alert in alerts} | {PIPELINE}
