"""Programs that other people wrote, bare and under `lifesign run`: no difference, and no false word.

One that blocks its loop is known to. In the others a stall is the machine's, or something that takes long to compute.

Each lives once for each signal that ends it. In its first life its workers are replaced and killed, where it has any.
"""

from __future__ import annotations

import contextlib
import itertools
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from signal import Signals
from typing import Any, NamedTuple

import pytest

from support.apps.programs import Life, Program, live
from support.backends.brokers import kafka, rabbitmq
from support.backends.collector import Collector
from support.backends.ports import free_port
from support.built import built, entries
from support.illnesses.charts import STALLS, Chart, Charts
from support.waiting import eventually

from .table import PROGRAMS

AT_ONCE = 3
ATTEMPTS = 3
SLACK_SECONDS = 1.5
START_SECONDS = 4.0  # a sidecar starts beside a whole life, and says what it saw
FAST = {"LIFESIGN_HEARTBEAT_INTERVAL": "0.05", "LIFESIGN_POLL_INTERVAL": "0.1", "LIFESIGN_METRIC_INTERVAL": "0.5"}

ENDED, DIED = "lifesign.process.stopped", "lifesign.process.died"
BLOCKED = "lifesign.eventloop.blocked"
UNKNOWN = "how it ended is not known"  # of one whose parent was faster than we are to ask the kernel
OURS = Counter(["lifesign: exporting to http://0.0.0.0:0"])  # all that we say
BROKERS: dict[str, Any] = {"rabbitmq": rabbitmq, "kafka": kafka}
WELL = {"starting", "healthy", "idle", "stopped"}


class Brokers(NamedTuple):
    """Where the brokers are that run; empty for those that nobody needs."""

    redis: int
    nats: int
    rabbitmq: str = ""
    kafka: str = ""


class Lives(NamedTuple):
    """Of one program until one end: bare, and watched; the names of all watched ones, and whom the test killed."""

    bare: Life
    watched: Life
    names: list[str]
    killed: set[int]


def _compared(row: str, program: Program, end: Signals | None, apps: Path, environ: dict[str, str]) -> Lives:
    """Lives it twice, and anew where that differs: what does not differ again is the program's own."""
    names: list[str] = []
    killed: set[int] = set()
    for attempt in range(ATTEMPTS):
        name = f"{row}.{attempt}"
        named = {**environ, "OTEL_RESOURCE_ATTRIBUTES": f"test.life={name}"}
        first = end in (*program.ends[:1], None)
        try:
            bare = live(program, end, apps, named, watched=False, first=first)
            watched = live(program, end, apps, named, watched=True, first=first)
        except (AssertionError, subprocess.TimeoutExpired):
            if attempt == ATTEMPTS - 1:
                raise
            continue
        names.append(name)
        killed.update(watched.killed)
        lives = Lives(bare, watched, names, killed)
        if not differences(lives):
            break
    return lives


def differences(lives: Lives) -> dict[str, tuple[Any, Any]]:
    """What is not the same beside us: what it prints, its exit code, and what takes longer, by much."""
    bare, watched = lives.bare, lives.watched
    found: dict[str, tuple[Any, Any]] = {}
    if bare.printed + OURS != watched.printed:
        found["printed"] = dict(bare.printed - watched.printed), dict(watched.printed - bare.printed)
    if bare.status != watched.status:
        found["status"] = bare.status, watched.status
    for what, seconds in bare.seconds.items():
        if watched.seconds[what] > 2 * seconds + (START_SECONDS if what == "life" else SLACK_SECONDS):
            found[what] = seconds, watched.seconds[what]
    return found


class Table:
    """All rows that were selected, some at a time; one that is asked for again is lived again."""

    def __init__(self, collector: Collector, apps: Path, brokers: Brokers) -> None:
        self._collector = collector
        self._apps = apps
        self._brokers = brokers
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._charts = Charts(collector.file)
        self._numbers = itertools.count()
        self._begun: dict[tuple[str, Signals | None], Future[Lives]] = {}

    def begin(self, name: str, end: Signals | None) -> None:
        self._begun[name, end] = self._pool.submit(self._live, name, end)

    def lived(self, name: str, end: Signals | None) -> tuple[Lives, list[Chart]]:
        """What was seen of a row, and what was exported of each process once the end of every one is."""
        begun = self._begun.pop((name, end), None)  # again: now, not after all the others
        lives = self._live(name, end) if begun is None else begun.result()
        with contextlib.suppress(AssertionError):
            eventually(lambda: self._all_have_ended(self._exported(lives), PROGRAMS[name].watched), 10.0, 0.1)
        return lives, self._exported(lives)

    def _live(self, name: str, end: Signals | None) -> Lives:
        row = str(next(self._numbers))
        environ = {
            **FAST,
            **self._collector.environment("http/protobuf"),
            "REDIS_URL": f"redis://127.0.0.1:{self._brokers.redis}/{row}",
            "NATS_URL": f"nats://127.0.0.1:{self._brokers.nats}",
            "AMQP_URL": self._brokers.rabbitmq,
            "KAFKA_SERVERS": self._brokers.kafka,
        }
        return _compared(row, PROGRAMS[name], end, self._apps, environ)

    def _exported(self, lives: Lives) -> list[Chart]:
        return [chart for name in lives.names for chart in self._charts.of({"test.life": name})]

    def _all_have_ended(self, exported: list[Chart], watched: int) -> bool:
        return len(exported) >= watched and all({ENDED, DIED} & set(chart.events) for chart in exported)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


def _row(name: str, end: Signals | None) -> str:
    return f"{name} {end.name if end else 'end'}".replace(" ", "-")


ROWS = [
    pytest.param(name, end, id=_row(name, end)) for name, program in PROGRAMS.items() for end in program.ends or (None,)
]


def _selected(request: pytest.FixtureRequest) -> list[tuple[str, Signals | None]]:
    """The rows that were asked for."""
    items = (item for item in request.session.items if item.path == request.path and isinstance(item, pytest.Function))
    params = (item.callspec.params for item in items)
    return [(one["name"], one["end"]) for one in params]


@pytest.fixture(scope="module")
def brokers(
    stores: dict[str, str], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Brokers]:
    """A Redis and a NATS for those who work with one, and the others where they are needed."""
    made = Brokers(free_port(), free_port())
    redis = [stores["redis"], "--port", str(made.redis), "--bind", "127.0.0.1", "--save", "", "--databases", "1024"]
    nats = [stores["nats"], "--port", str(made.nats), "--addr", "127.0.0.1"]
    quiet: Any = {"cwd": tmp_path_factory.mktemp("brokers"), "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    needed = {PROGRAMS[name].needs for name, _ in _selected(request)} - {""}
    with (
        subprocess.Popen(redis, **quiet) as one,
        subprocess.Popen(nats, **quiet) as two,
        contextlib.ExitStack() as more,
    ):
        for name in needed:
            broker = BROKERS[name](entries(built("brokers"))[name], tmp_path_factory.mktemp(name))
            made = made._replace(**{name: more.enter_context(broker)[0]})
        yield made
        one.terminate()
        two.terminate()


@pytest.fixture(scope="module")
def table(
    otelcol: str, apps: Path, brokers: Brokers, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Table]:
    collector = Collector(otelcol, tmp_path_factory.mktemp("collector"))
    collector.start()
    made = Table(collector, apps, brokers)
    for name, end in _selected(request):
        made.begin(name, end)
    yield made
    made.close()
    collector.stop()


@pytest.mark.parametrize(("name", "end"), ROWS)
def test_no_difference_and_no_false_word(name: str, end: Signals | None, table: Table) -> None:
    program = PROGRAMS[name]
    lives, exported = table.lived(name, end)
    assert differences(lives) == {}

    assert len(exported) >= program.watched
    # Who waits in its loop is blocked once that takes long.
    well = WELL | ({"blocked"} if program.blocks else set())
    for chart in exported:
        ends = [event for event in chart.events if not (program.blocks and event == BLOCKED)]
        assert len(ends) == 1, chart.entries
        end_of_it = chart.entry(ends[0])
        died = end_of_it.event == DIED
        assert died or end_of_it.event == ENDED, end_of_it
        assert not died or program.fails or chart.pid in lives.killed, end_of_it
        assert died or UNKNOWN in end_of_it.body or chart.pid not in lives.killed, end_of_it
        assert set(chart.states) <= well | ({"dead"} if died else set())
        assert program.blocks or [one for one in chart.episodes if one.error] == []
        waiting = [one for one in chart.entries if one.event == STALLS and one.body.endswith(" waits")]
        assert program.blocks or waiting == []
    assert program.fails <= any(DIED in chart.events for chart in exported)
