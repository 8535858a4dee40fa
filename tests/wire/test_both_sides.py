"""Whatever the main process writes, the sidecar takes: both sides of the wire against each other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifesign.watch.records import decode_identity, decode_record, decode_tombstone
from lifesign.wire import records
from lifesign.wire.lane import LaneRead
from lifesign.wire.reader import PulseReader
from lifesign.wire.writer import PulseWriter

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
# Any text that Python can hold, halves of surrogate pairs too, and longer than fits.
CHARACTERS = st.one_of(st.characters(), st.characters(categories=["Cs"]))
TEXTS = st.builds(
    lambda text, times: text * times, st.text(CHARACTERS, max_size=10), st.sampled_from((1, 1, 1, 1, 1, 1, 1, 9000))
)
st.register_type_strategy(str, TEXTS)
st.register_type_strategy(int, st.integers(0, (1 << 63) - 1))
st.register_type_strategy(float, st.one_of(st.floats(0, 1e8), st.sampled_from((float("nan"), float("inf")))))


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

    @settings(max_examples=5, deadline=None)
    @given(st.from_type(shape))
    def check(record: Any) -> None:
        refused = both.read().refused
        written = both.writer.ring.append(record)
        lane = both.read()
        assert lane.refused == refused + (not written)
        assert len(lane.records) == written
        for one in lane.records:
            assert decode_record(one.payload)["kind"] == record["kind"]

    check()
    both.close()


@settings(max_examples=5, deadline=None)
@given(st.from_type(records.Tombstone), st.from_type(records.Identity))
def test_the_blocks_are_taken_whatever_their_texts(
    tmp_path_factory: pytest.TempPathFactory, tombstone: Any, identity: Any
) -> None:
    identity["boot_timeout"] = identity["heartbeat_interval"] = 1.0  # settings, which are checked
    identity["instance"] = identity["trace"] = identity["boot_span"] = identity["parent_span"] = "a" * 32  # ours
    both = Both(tmp_path_factory.getbasetemp() / "blocks", identity)
    both.writer.write_tombstone(tombstone)
    read = decode_identity(both.reader.identity())
    assert (read["pid"], read["trace"]) == (identity["pid"], "a" * 32)
    found = decode_tombstone(both.reader.tombstone())
    assert found is not None
    assert (found["how"], found["beats"]) == (tombstone["how"], tombstone["beats"])
    both.close()
