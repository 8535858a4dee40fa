"""What a reader believes of a pulse, and what it does not."""

from __future__ import annotations

import os
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Callable

import pytest

from lifesign.wire import layout
from lifesign.wire.folder import PulseError, open_regular
from lifesign.wire.reader import PulseReader
from lifesign.wire.writer import PulseWriter


def _open(folder: Path) -> PulseReader:
    return PulseReader(os.open(folder, os.O_RDONLY))


def test_vital_signs_come_through(writer: PulseWriter, reader: PulseReader) -> None:
    writer.watchdog.write(5, 1000, 2000, 3, layout.BOOT_COMPLETE, 1500, 1, 2, 4, 0, 2, 700)
    writer.loops[1].begin(layout.LOOP_RUNNING, 4, 4242, 900)
    writer.loops[1].write(9, 1001, 2001, 17, 77, 33)
    writer.loops[1].delays[8] = 17
    vitals = reader.vitals()
    assert vitals.watchdog is not None
    assert vitals.watchdog._asdict() == {
        "beats": 5, "wall_ns": 1000, "mono_ns": 2000, "tasks": 3, "boot_phase": 1, "boot_ended_ns": 1500, "dumps": 1,
        "failing": 2, "finished": 4, "unwatched": 0, "ending": 2, "ending_for_ns": 700,
    }  # fmt: skip
    assert [signs is not None for signs in vitals.loops] == [False, True] + [False] * 6
    assert vitals.loops[1] == (1, 4, 9, 1001, 2001, 17, 4242, 900, 77, 33, 1)
    assert vitals.delays[1][8] == 17
    assert vitals.delays[0] == ()


def test_a_torn_copy_of_the_vital_signs_leaves_the_one_before(
    writer: PulseWriter, reader: PulseReader, overwrite: Callable[[int, bytes], None]
) -> None:
    writer.watchdog.write(1)
    writer.watchdog.write(2)  # copy A
    overwrite(layout.WATCHDOG_OFFSET + 8, struct.pack("<Q", 99))
    vitals = reader.vitals()
    assert vitals.watchdog is not None
    assert vitals.watchdog.beats == 1


def test_vital_signs_that_were_never_written_are_none(reader: PulseReader) -> None:
    assert reader.vitals().watchdog is None


@pytest.mark.parametrize("build", ["", "t"])
def test_event_counts_are_exact_under_threads(
    writer: PulseWriter, reader: PulseReader, monkeypatch: pytest.MonkeyPatch, build: str
) -> None:
    monkeypatch.setattr(sys, "abiflags", build)
    before = time.monotonic_ns(), time.time_ns()
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda: [writer.events.count("order") for _ in range(5000)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    (event,) = reader.vitals().events
    assert (event.name, event.real, event.synthetic, event.deadline_ns) == ("order", 20000, 0, 0)
    assert before[0] <= event.mono_ns <= time.monotonic_ns()
    assert before[1] <= event.wall_ns <= time.time_ns()
    assert writer.events.total == 20000


def test_a_python_that_can_do_without_its_gil_counts_under_a_lock_although_it_has_one_for_now(
    writer: PulseWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_lock: list[bool] = []

    def clock() -> int:
        under_lock.append(writer.lock._is_owned())  # type: ignore[attr-defined]
        return 1

    with monkeypatch.context() as patched:
        patched.setattr(sys, "_is_gil_enabled", lambda: True, raising=False)  # as while it imports an old extension
        patched.setattr(sys, "abiflags", "t")
        patched.setattr(time, "monotonic_ns", clock)
        writer.events.count("order")
    assert under_lock == [True]


def test_names_past_the_last_place_count_as_other(writer: PulseWriter, reader: PulseReader) -> None:
    for number in range(100):
        writer.events.count(f"name {number}")
    events = {event.name: event.real for event in reader.vitals().events}
    assert len(events) == 64
    assert events["name 62"] == 1
    assert events["other"] == 100 - 63


def test_a_long_name_is_cut_and_a_cut_letter_is_no_trouble(writer: PulseWriter, reader: PulseReader) -> None:
    writer.events.count("é" * 100)
    writer.events.count("x" + "é" * 100)
    names = [event.name for event in reader.vitals().events]
    assert names[0] == "é" * 32
    assert names[1] == "x" + "é" * 31 + "\ufffd"


def test_a_block_that_is_too_big_is_refused(writer: PulseWriter) -> None:
    with pytest.raises(ValueError, match="4080"):
        writer.write_tombstone({"x": [0] * 5000})


def test_a_long_name_or_none_is_one_event(writer: PulseWriter, reader: PulseReader) -> None:
    for name in ("", "a" * 64 + "b", "a" * 64 + "c", "event", "a" * 64, "\ud800"):
        writer.events.count(name)
    assert [(event.name, event.real) for event in reader.vitals().events] == [("event", 2), ("a" * 64, 3), ("?", 1)]
    assert writer.events.real() == 6


def test_a_deadline_for_ever_hides_no_event(writer: PulseWriter, reader: PulseReader) -> None:
    writer.events.promise("order", 1 << 80)
    writer.events.count("order")
    assert [(event.name, event.real) for event in reader.vitals().events] == [("order", 1)]


def test_the_tombstone_is_none_until_it_is_whole(
    writer: PulseWriter, reader: PulseReader, overwrite: Callable[[int, bytes], None]
) -> None:
    assert reader.tombstone() is None
    writer.write_tombstone({"how": "clean"})
    assert reader.tombstone() == b'{"how":"clean"}'
    overwrite(8192 + 16, b"X")
    assert reader.tombstone() is None


def test_a_request_counts_up_and_reaches_the_writer(writer: PulseWriter, reader: PulseReader) -> None:
    assert reader.request(layout.REQUEST_DUMP) == 1
    assert reader.request(layout.REQUEST_DUMP) == 2
    assert writer.requests(layout.REQUEST_DUMP) == 2


@pytest.mark.parametrize(
    ("offset", "content", "why"),
    [
        (0, b"NOTAPULS", "does not begin"),
        (8, struct.pack("<Q", 2), "version 2; this lifesign reads version 1"),
        (16, struct.pack("<Q", 1 << 40), "shorter than its header says"),
        (24, struct.pack("<Q", 0), "lanes are not where"),
        (48, struct.pack("<Q", 1 << 50), "impossible size"),
    ],
)
def test_a_pulse_that_is_none_says_why(
    writer: PulseWriter, tmp_path: Path, overwrite: Callable[[int, bytes], None], offset: int, content: bytes, why: str
) -> None:
    overwrite(offset, content)
    with pytest.raises(PulseError, match=why):
        _open(tmp_path)


def test_a_short_file_is_no_pulse(tmp_path: Path) -> None:
    (tmp_path / "pulse").write_bytes(b"LIFESIGN")
    with pytest.raises(PulseError, match="ends too early"):
        _open(tmp_path)


def test_a_file_that_shrinks_under_the_reader_is_an_error_not_a_crash(
    writer: PulseWriter, reader: PulseReader, tmp_path: Path
) -> None:
    os.truncate(tmp_path / "pulse", 100)
    with pytest.raises(PulseError, match="ends too early"):
        reader.vitals()
    os.truncate(tmp_path / "pulse", layout.file_size(65536))  # or the writer's next store is a SIGBUS


def test_an_identity_that_does_not_hold_is_an_error(
    reader: PulseReader, overwrite: Callable[[int, bytes], None]
) -> None:
    assert reader.identity() == b'{"pid":7}'
    overwrite(4112, b"[")
    with pytest.raises(PulseError, match="identity"):
        reader.identity()


def test_links_pipes_and_folders_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"secret")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        for name in ("link", "pipe", "folder"):
            with pytest.raises(PulseError):
                open_regular(name, directory)
        with pytest.raises(FileNotFoundError):
            open_regular("nothing", directory)
    finally:
        os.close(directory)


def test_a_writer_never_takes_over_a_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "pulse").write_bytes(b"")
    with pytest.raises(FileExistsError):
        PulseWriter(str(tmp_path / "pulse"), {}, 65536)


@pytest.mark.parametrize(("asked", "given"), [(1, 65536), (1 << 40, 1 << 24), (70000, 69632)])
def test_the_ring_size_is_kept_within_bounds(tmp_path: Path, asked: int, given: int) -> None:
    pulse = PulseWriter(str(tmp_path / "pulse"), {}, asked)
    pulse.close()
    assert os.stat(tmp_path / "pulse").st_size == 122880 + 64 + given


def test_the_newest_copy_of_the_vital_signs_is_taken(writer: PulseWriter, reader: PulseReader) -> None:
    for beats in (1, 2, 3):
        writer.watchdog.write(beats)
        vitals = reader.vitals()
        assert vitals.watchdog is not None
        assert vitals.watchdog.beats == beats


def test_synthetic_events_stand_in_for_real_ones_in_a_dry_run_alone(writer: PulseWriter, reader: PulseReader) -> None:
    writer.events.count("order", True)
    (event,) = reader.vitals().events
    assert (event.real, event.synthetic, event.mono_ns, event.stand_in_ns, writer.events.total) == (0, 1, 0, 0, 0)
    writer.events.dry_run = True
    writer.events.count("order", True)
    (event,) = reader.vitals().events
    assert (event.real, event.synthetic, event.mono_ns, writer.events.total) == (0, 2, 0, 2)
    assert event.stand_in_ns > 0
    assert writer.events.real() == 0
    writer.events.count("order")
    writer.events.count("tick")
    order = reader.vitals().events[0]
    assert order.mono_ns >= event.stand_in_ns == order.stand_in_ns
    assert (writer.events.real(), writer.events.total) == (2, 4)


def test_an_event_of_no_name_that_fits_is_passed_over(
    writer: PulseWriter, reader: PulseReader, overwrite: Callable[[int, bytes], None]
) -> None:
    for name in ("order", "tick"):
        writer.events.count(name)
    assert [event.name for event in reader.vitals().events] == ["order", "tick"]
    overwrite(layout.EVENTS_OFFSET, struct.pack("<Q", layout.EVENT_NAME_BYTES + 1))  # the length of the first
    assert [event.name for event in reader.vitals().events] == ["tick"]
