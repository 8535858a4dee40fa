"""The processes polled again and again: as rows, with what only two polls show."""

from __future__ import annotations

import contextlib
import time
from functools import partial
from typing import Mapping

from lifesign.cli.output.progress import Progress
from lifesign.cli.processes.table import Row, processor_time
from lifesign.cli.query.request import Answer, ask_all, dumps
from lifesign.cli.query.target import Wanted
from lifesign.errors import LifesignError
from lifesign.settings import Settings
from lifesign.watch.once import Onlooker, poll_once
from lifesign.watch.telemetry import Snapshot

_CPU_SECONDS = 0.9  # over less than that, a share of a processor says nothing: it is read once a second


class Polling:
    """Polls the processes that are wanted, in the run directories that are there at the time; see `Wanted`.

    Raises:
        RunDirectoryError: there is no run directory.
    """

    def __init__(self, which: str | None, settings: Settings, environ: Mapping[str, str]) -> None:
        self._which = which
        self._settings = settings
        self._environ = environ
        self._paths = Wanted(which, settings, environ).places[0]
        self._onlooker = Onlooker(self._paths, settings, environ)
        self._used: dict[str, tuple[float, float, float | None]] = {}  # when, processor time by then, share
        self._where: dict[str, str] = {}

    def rows(self) -> list[Row]:
        """Each process now.

        Raises:
            RunDirectoryError: there is none any more.
        """
        wanted = Wanted(self._which, self._settings, self._environ)
        if wanted.places[0] != self._paths:
            self._onlooker.close()
            self._paths = wanted.places[0]
            self._onlooker = Onlooker(self._paths, self._settings, self._environ)
        found = wanted.chosen(self._onlooker.poll())
        self._where = {one.poll.snapshot.key: one.path for one in found}
        now = time.monotonic()
        return [Row(one, self._share(one, now), max(one.new_delays, default=None)) for _, (one, _) in found]

    def require(self) -> None:
        """Raises NotWatchedError where there is no such process."""
        wanted = Wanted(self._which, self._settings, self._environ)
        everybody = self._onlooker.poll()
        if not wanted.chosen(everybody):
            raise wanted.missing("process", [one.poll.snapshot for one in everybody])

    def ask(self, key: str, timeout: float) -> Answer | None:
        """A task dump of one process; None where it gives none."""
        with contextlib.suppress(LifesignError), contextlib.ExitStack() as opened:
            processes = Wanted(key.partition("-")[0], self._settings, self._environ).living()
            for process in processes:
                opened.callback(process.close)
            asked = [process for process in processes if process.key == key]
            answer = ask_all(asked, partial(dumps, timeout=timeout), Progress()).get(key)
            return answer if isinstance(answer, Answer) else None
        return None

    def again(self, snapshot: Snapshot) -> Snapshot:
        """The same process now, by all that it has written."""
        with contextlib.suppress(LifesignError):
            for one in poll_once(self._where.get(snapshot.key, ""), self._settings, self._environ):
                if one.key == snapshot.key:
                    return one
        return snapshot

    def close(self) -> None:
        self._onlooker.close()

    def _share(self, snapshot: Snapshot, now: float) -> float | None:
        if snapshot.usage is None or not snapshot.alive:
            return None
        used = processor_time(snapshot.usage)
        if snapshot.key not in self._used:
            self._used[snapshot.key] = now, used, None
        before, by_then, share = self._used[snapshot.key]
        if now - before >= _CPU_SECONDS:
            share = max(0.0, used - by_then) / (now - before)
            self._used[snapshot.key] = now, used, share
        return share
