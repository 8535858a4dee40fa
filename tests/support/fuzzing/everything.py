"""All that a sidecar does with what it read, in one call: judge, spool, encode for OTLP, show, draw."""

from __future__ import annotations

import io
import time
from pathlib import Path
from random import Random

import msgspec
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from rich.console import Console

from lifesign.cli import status
from lifesign.export.metrics import Metrics
from lifesign.export.otlp import encode
from lifesign.export.queue.segments import decode_line, encode_line
from lifesign.export.readings import ExportStats
from lifesign.judge.rundir import RunDirectory
from lifesign.serve import health
from lifesign.serve.behind import no_excerpt
from lifesign.serve.board import Board
from lifesign.serve.detail import detail
from lifesign.serve.reports import collect
from lifesign.serve.shown.postmortem import PostMortem, as_html
from lifesign.settings import Settings
from lifesign.watch.cursors import Cursor
from lifesign.watch.dead_letter import DeadLetters
from lifesign.watch.process import Poll, WatchedProcess
from lifesign.watch.sources import no_source
from lifesign.watch.telemetry import Resource, Span
from lifesign.wire.folder import PulseError
from support.fuzzing import hostile

ALIVE = "4242-00000001"  # who holds its life token is another process
DEAD = "4242-00000002"
PAGE_BYTES_MAX = 2 << 20

_settings = Settings(environ={})


class Victims:
    """A run directory with a living and a dead process, whose files change with every input.

    Args:
        run: an empty directory; best on memory.
        hold: holds the life token at a path from another process.
    """

    def __init__(self, run: Path, hold: object) -> None:
        self._run = run
        for key in (ALIVE, DEAD):
            (run / key).mkdir()
        assert callable(hold)
        hold("hold", run / ALIVE / "life")
        (run / DEAD / "life").touch()
        self._directory = RunDirectory(str(run))

    def close(self) -> None:
        self._directory.close()

    def suffer(self, rng: Random) -> bool:
        """One input, two looks at it; whether it was watched at all. Raises whatever should not happen."""
        key = rng.choice((ALIVE, DEAD))
        folder = self._run / key
        hostile.pulse(folder / "pulse", rng)
        (folder / "last-words").write_bytes(hostile.last_words(rng) if rng.random() < 0.3 else b"")
        (folder / "stacks").write_bytes(hostile.stacks(rng) if rng.random() < 0.3 else b"")
        (folder / "stacks.json").write_bytes(hostile.stacks_offer(rng) if rng.random() < 0.3 else b"")
        (self._run / "run.json").write_bytes(hostile.run_json(rng) if rng.random() < 0.5 else b"{}")
        try:
            process = WatchedProcess(self._directory, key, Cursor(), _settings, {}, DeadLetters(None))
        except (PulseError, OSError):
            return False
        try:
            for _ in range(2):
                poll = process.poll(0)
                process.acknowledge()
                tell(process.resource, poll, show=rng.random() < 0.1)
                hostile.scribble(folder / "pulse", rng)
                process.is_due(time.monotonic_ns() + rng.choice((0, 1_000_000_000)))
                process.newest()
        except PulseError:
            return True
        finally:
            process.close()
        return True


def tell(resource: Resource, poll: Poll, *, show: bool = True) -> None:
    """Everything that comes after a poll; what takes long only with `show`. Raises where it does not hold."""
    of = encode.resource(decode_line(encode_line(resource)))
    for signal in poll.telemetry:
        spooled = decode_line(encode_line(signal))
        assert spooled == signal
        try:
            item = encode.span(signal, of) if isinstance(signal, Span) else encode.log(signal, of)
        except ValueError:  # an id that is none: the delivery sets such a signal aside
            continue
        request = encode_spans([item]) if isinstance(signal, Span) else encode_logs([item])
        request.SerializeToString()
    if not show:
        return
    metrics = Metrics(({}, {}), ExportStats)
    metrics.observe([poll.snapshot], {resource.key: resource})
    encode_metrics(metrics.collect().data).SerializeToString()
    board = Board()
    board.add([resource], poll.telemetry)
    board.update([poll.snapshot])
    shown = board.shown(poll.snapshot.key)
    assert shown is not None
    page = msgspec.json.encode(
        [board.rows()[0], detail(shown, no_excerpt), shown.dumps.view(no_source), shown.history.entries()]
    )
    assert len(page) < PAGE_BYTES_MAX, len(page)
    saved = collect(board.all_shown(), no_source)
    written = as_html(saved)
    assert as_html(msgspec.json.decode(msgspec.json.encode(saved), type=PostMortem)) == written
    assert "<script" not in written
    assert all(character in "\n\t" or character.isprintable() for character in written)
    board.update([])
    assert collect(board.all_shown(), no_source).processes[0].tasks == saved.processes[0].tasks
    health.app_startupz([poll.snapshot])
    out = io.StringIO()
    Console(file=out, markup=False, highlight=False, emoji=False, width=200).print(status.render([poll.snapshot], 200))
    drawn = out.getvalue()
    assert all(character == "\n" or character.isprintable() for character in drawn), drawn
