"""Whatever the main process writes, the sidecar takes: both sides of the wire against each other."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lifesign.watch.records import decode_identity, decode_record, decode_tombstone
from lifesign.wire import records
from lifesign.wire.lane import LaneRead
from lifesign.wire.reader import PulseReader
from lifesign.wire.writer import PulseWriter
from support.fuzzing.chance import chances
from support.fuzzing.hostile import value
from support.rows import rows

SHAPES = [
    records.BootExpects,
    records.Checkpoint,
    records.BootEnded,
    records.PostconditionReport,
    records.TaskDump,
    records.TaskGroup,
    records.Stall,
    records.DryRunEvent,
    records.DryRunTotals,
]


class Both:
    """A pulse with both its sides."""

    def __init__(self, folder: Path, identity: Any) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "pulse").unlink(missing_ok=True)
        self.writer = PulseWriter(str(folder / "pulse"), identity, 1 << 17)
        self._directory = os.open(folder, os.O_RDONLY)
        self.reader = PulseReader(self._directory)
        self._position = self._sequence = 0

    def read(self) -> LaneRead:
        lane = self.reader.ring(self._position, self._sequence)
        self._position, self._sequence = lane.position, lane.sequence
        return lane

    def close(self) -> None:
        self.reader.close()
        self.writer.close()
        os.close(self._directory)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_what_is_written_is_taken_and_what_is_not_is_counted(shape: Any, tmp_path: Path) -> None:
    both = Both(tmp_path, {})

    @rows("rng", chances(5))
    def check(rng: Random) -> None:
        record = value(rng, shape, wrong=0.0)
        refused = both.read().refused
        written = both.writer.ring.append(record)
        lane = both.read()
        assert lane.refused == refused + (not written)
        assert len(lane.records) == written
        for one in lane.records:
            assert decode_record(one.payload)["kind"] == record["kind"]

    check()
    both.close()


@rows("rng", chances(5))
def test_the_blocks_are_taken_whatever_their_texts(tmp_path: Path, rng: Random) -> None:
    tombstone, identity = value(rng, records.Tombstone, wrong=0.0), value(rng, records.Identity, wrong=0.0)
    identity["boot_timeout"] = identity["heartbeat_interval"] = 1.0  # settings, which are checked
    identity["instance"] = identity["trace"] = identity["boot_span"] = identity["parent_span"] = "a" * 32  # ours
    both = Both(tmp_path, identity)
    both.writer.write_tombstone(tombstone)
    read = decode_identity(both.reader.identity())
    assert (read["pid"], read["trace"]) == (identity["pid"], "a" * 32)
    found = decode_tombstone(both.reader.tombstone())
    assert found is not None
    assert (found["how"], found["beats"]) == (tombstone["how"], tombstone["beats"])
    both.close()
