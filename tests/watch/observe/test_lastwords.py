"""Last words as every Python writes them, and as nobody should."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import Iterator

import pytest

from lifesign.watch.observe.lastwords import LastWords, parse, read
from lifesign.watch.sources import no_source
from support.fuzzing.chance import chances
from support.rows import rows

SAMPLES = sorted((Path(__file__).parent / "last_words").glob("*.txt"))
KINDS = {
    # headline, signal, innermost function and line, of the thread that it is about
    "segv": ("Segmentation fault", "SIGSEGV", "string_at"),
    "gc": ("Segmentation fault", "SIGSEGV", "string_at"),
    "abort": ("Aborted", "SIGABRT", "handle"),
}
TWO = b"""Fatal Python error: Aborted
Current thread 0x00007f0000000001 (most recent call first):
  File "/srv/old.py", line 1 in old

Fatal Python error: Aborted
Thread 0x00007f0000000002 [payments] (most recent call first):
  File "/srv/desk.py", line 15 in wait
  ...

Current thread 0x00007f0000000001 [python] (most recent call first):
  File "/srv/desk.py", line 5 in work
  File "/srv/desk.py", line ??? in <module>
"""


def words(raw: bytes, before: bytes = b"") -> LastWords:
    found = parse(raw, before, at=7)
    assert found is not None
    return found


@rows("sample", SAMPLES, ids=lambda path: path.stem)
def test_each_python_is_understood(sample: Path) -> None:
    version, _, kind = sample.stem.partition("-")
    what, signal, function = KINDS[kind]
    found = words(sample.read_bytes())
    assert (found.what, found.signal) == (what, signal)
    waiting, main = found.threads
    assert [frame["function"] for frame in waiting.frames] == ["wait", "run", "_bootstrap_inner", "_bootstrap"]
    assert found.focus == main
    assert main.current
    assert main.frames[0]["function"] == function
    assert main.frames[-1] == {"function": "<module>", "file": "/srv/desk.py", "line": 47}
    assert main.collecting == (kind == "gc" and version != "3.9.18")
    assert waiting.name == ("payments" if version.startswith("3.14") else "")
    assert bool(found.native) == (version.startswith("3.14"))


def test_the_stack_reads_as_python_writes_one_the_thread_that_it_is_about_first() -> None:
    def source(file: str, line: int) -> str | None:
        return "libc.usleep(1)" if line == 5 else None

    assert words(TWO).stacktrace(source) == (
        "Current thread 0x00007f0000000001 python (most recent call last):\n"
        '  File "/srv/desk.py", line 0, in <module>\n'
        '  File "/srv/desk.py", line 5, in work\n'
        "    libc.usleep(1)\n"
        "\n"
        "Thread 0x00007f0000000002 payments (most recent call last):\n"
        '  File "/srv/desk.py", line 15, in wait\n'
        "\n"
    )


def test_the_newest_of_several_dumps_counts() -> None:
    assert words(TWO).where() == "in work (/srv/desk.py:5)"
    segv = (Path(__file__).parent / "last_words" / "3.11.7-segv.txt").read_bytes()
    assert words(TWO + segv).what == "Segmentation fault"
    assert words(segv + TWO).what == "Aborted"


def test_attributes_of_a_crash() -> None:
    made = words((Path(__file__).parent / "last_words" / "3.13.0-segv.txt").read_bytes()).attributes(no_source)
    assert made["exception.type"] == "SIGSEGV"
    assert made["exception.message"] == "Segmentation fault"
    assert made["lifesign.process.exit.signal"] == "SIGSEGV"
    assert made["code.function.name"] == "string_at"
    assert str(made["exception.stacktrace"]).startswith("Current thread 0x")


def test_a_crash_without_a_current_thread_is_about_none() -> None:
    found = words(b"Fatal Python error: Bus error\n\n<no Python frame>\nExtension modules: a, b (total: 2)\n")
    assert (found.signal, found.threads, found.focus) == ("SIGBUS", (), None)
    assert found.attributes(no_source)["exception.type"] == "SIGBUS"


def test_a_thread_without_frames() -> None:
    found = words(b"Fatal Python error: Aborted\nThread 0x01 (most recent call first):\n  <no Python frame>\n")
    assert "no Python frame" in found.stacktrace(no_source)
    assert found.where() == ""


def test_an_error_that_is_no_signal() -> None:
    made = words(b"Fatal Python error: \x1b[2Jdeallocating None" + b"x" * 999).attributes(no_source)
    assert made["exception.type"] == "Fatal Python error"
    assert str(made["exception.message"]).startswith("\ufffd[2Jdeallocating None")
    assert len(str(made["exception.message"])) == 200


def test_a_stack_that_is_too_long_says_what_is_missing() -> None:
    thread = b"Thread 0x01 (most recent call first):\n" + b'  File "/srv/desk.py", line 5 in work\n' * 90 + b"\n"
    text = words(b"Fatal Python error: Aborted\n" + thread * 50).stacktrace(no_source)
    assert len(text) < 40_000
    assert text.endswith(" more threads\n")


@rows("raw", [b"", b"\n", b"Timeout (0:00:06)!\n", b"hello", b"\xff\xfe\x00" * 100])
def test_what_is_no_dump_is_none(raw: bytes) -> None:
    assert parse(raw) is None


PIECES = TWO.splitlines(keepends=True) + [path.read_bytes()[:700] for path in SAMPLES[-4:]]


def written(rng: Random) -> bytes:
    pieces = [rng.choice(PIECES) if rng.random() < 0.6 else rng.randbytes(rng.randrange(60)) for _ in range(30)]
    return b"".join(pieces[: rng.randrange(31)])


@rows(
    ("raw", "before"),
    [
        *((written(rng), rng.randbytes(rng.randrange(60))) for rng in chances(15)),
        (b'Fatal Python error: Aborted\nThread 0x1 (most recent call first):\n  File "' + b'", line ' * 3000, b""),
    ],
)
def test_whatever_is_written_there_is_read_within_bounds(raw: bytes, before: bytes) -> None:
    found = parse(raw, before)
    if found is not None:
        made = found.attributes(no_source)
        assert len(str(made["exception.stacktrace"])) <= 1 << 16
        assert all(text.isprintable() for text in str(made).split("\n"))
        assert "\n" not in found.where()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_the_file_of_a_process_is_read(tmp_path: Path, folder: int) -> None:
    assert read(folder) is None
    (tmp_path / "last-words").write_bytes(b"")
    assert read(folder) is None
    (tmp_path / "last-words").write_bytes(TWO)
    os.utime(tmp_path / "last-words", ns=(0, 12345))
    found = read(folder)
    assert found is not None
    assert (found.at, len(found.threads)) == (12345, 2)


def test_of_a_long_file_the_end_is_read_with_the_headline_that_it_began_with(tmp_path: Path, folder: int) -> None:
    headline, body = b"Fatal Python error: Aborted\n", TWO.rpartition(b"Aborted\n")[2]
    (tmp_path / "last-words").write_bytes(headline + body * 2000)
    found = read(folder)
    assert found is not None
    assert found.what == "Aborted"
    assert found.where() == "in work (/srv/desk.py:5)"
    assert len(found.threads) < 2 * 2000


def test_a_link_or_a_pipe_is_not_followed(tmp_path: Path, folder: int) -> None:
    (tmp_path / "elsewhere").write_bytes(TWO)
    (tmp_path / "last-words").symlink_to(tmp_path / "elsewhere")
    assert read(folder) is None
    (tmp_path / "last-words").unlink()
    os.mkfifo(tmp_path / "last-words")
    assert read(folder) is None


def test_functions_of_c_come_last() -> None:
    crashed = words(TWO)._replace(native=('Binary file "/srv/fast.so", at work+0x8', "..."))
    assert crashed.stacktrace(no_source).splitlines()[-3:] == [
        "C functions of the current thread (innermost first):",
        'Binary file "/srv/fast.so", at work+0x8',
        "...",
    ]
