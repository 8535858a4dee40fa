"""What the page remembers of the past of one process: plain words, one entry a happening, and never too much."""

from __future__ import annotations

from typing import Any

from lifesign import semconv
from lifesign.serve.shown.history import ENTRIES, ENTRIES_BYTES, History
from lifesign.serve.shown.words import duration, visible
from support.made.boards import NOON, SECOND, dump_log, group_log, log, span
from support.rows import rows

NOON_MS = NOON // 1_000_000
AT = {semconv.CODE_FUNCTION: "_write_report", semconv.CODE_FILE: "/srv/service.py", semconv.CODE_LINE: 148}


def titles(history: History) -> list[str]:
    return [entry.title for entry in history.entries()]


def test_a_stall_is_one_entry_that_gets_its_length_when_it_is_over() -> None:
    history = History()
    history.add(log("no beat for 4.0 s", attributes={**AT, semconv.CODE_STACKTRACE: "sleep at a.py:3"}))
    (entry,) = history.entries()
    assert (entry.title, entry.seconds) == ("Loop blocked in _write_report (service.py:148)", None)
    assert (entry.at, entry.severity, entry.text, entry.stack) == (NOON_MS, 17, "no beat for 4.0 s", "sleep at a.py:3")
    before = history.version
    history.add(span(end=NOON + 5_100_000_000, error="blocked for 5.1 s"))
    (entry,) = history.entries()
    assert (entry.title, entry.seconds) == ("Loop blocked 5.1 s in _write_report (service.py:148)", 5.1)
    assert history.version > before


def test_a_length_without_a_report_is_an_entry_of_its_own() -> None:
    history = History()
    history.add(log("another", time=NOON - SECOND))
    history.add(span(semconv.SPAN_FROZEN, end=NOON + 65 * SECOND, error="frozen for 65 s"))
    assert titles(history) == ["Process frozen 1 min 5 s", "Loop blocked"]
    assert history.entries()[0].text == "frozen for 65 s"


@rows(
    ("event", "title"),
    [
        (semconv.LOG_DIED, "Process died"),
        (semconv.LOG_POSTCONDITION_FAILED, "Check failed"),
        (semconv.LOG_TASK_DUMP, "Task dump"),
        ("lifesign.new_kind.of_event", "new kind of event"),
    ],
)
def test_events_are_named_in_plain_words(event: str, title: str) -> None:
    history = History()
    history.add(log(event=event))
    assert titles(history) == [title]


def test_an_exception_s_stack_is_shown_where_there_is_no_other_and_the_newest_error_s_is_found() -> None:
    history = History()
    assert history.newest_stack() == ""
    history.add(log("one", attributes={semconv.EXCEPTION_STACKTRACE: "Traceback"}))
    history.add(log("no error", severity=9, attributes={semconv.CODE_STACKTRACE: "of no error"}))
    assert history.entries()[1].stack == "Traceback"
    assert history.newest_stack() == "Traceback"


def test_what_is_shown_elsewhere_is_left_out() -> None:
    history = History()
    for name in ("boot", "checkpoint config loaded", "postconditions", "postcondition broker", "dry_run order"):
        history.add(span(name, error="failed"))
    history.add(group_log(0, 3))
    assert history.entries() == []
    assert history.size == 0
    history.add(dump_log())
    assert titles(history) == ["Task dump"]


def test_the_same_record_again_is_one_entry_with_the_newest_time() -> None:
    history = History()
    for number in range(3):
        history.add(log("broker: no session", time=NOON + number * SECOND))
    history.add(log("another"))
    history.add(log("broker: no session", time=NOON + 9 * SECOND))
    seen: list[Any] = [(entry.text, (entry.at - NOON_MS) // 1000, entry.times) for entry in history.entries()]
    assert seen == [("broker: no session", 9, 1), ("another", 0, 1), ("broker: no session", 2, 3)]


def test_dumps_in_a_row_are_one_entry_unless_a_cause_shows() -> None:
    history = History()
    for number in range(3):
        history.add(dump_log(f"d{number}", 5 + number, time=NOON + number * SECOND))
    history.add(log("1 x stuck", event=semconv.LOG_TASK_DUMP, severity=13, attributes={semconv.CAUSE: "deadlock"}))
    history.add(log("2 x stuck", event=semconv.LOG_TASK_DUMP, severity=13, attributes={semconv.CAUSE: "deadlock"}))
    history.add(dump_log("d9", 9, time=NOON + 9 * SECOND))
    history.add(log("another"))
    history.add(dump_log("d10", 10, time=NOON + 10 * SECOND))
    seen = [(entry.text, entry.times) for entry in history.entries()]
    assert seen == [("10 tasks", 1), ("another", 1), ("9 tasks", 1), ("2 x stuck", 2), ("7 tasks", 3)]


def test_the_oldest_go_and_long_texts_are_cut() -> None:
    history = History()
    for number in range(ENTRIES + 10):
        history.add(log(str(number)))
    assert [entry.text for entry in history.entries()][:: ENTRIES - 1] == [str(ENTRIES + 9), "10"]
    for number in range(50):
        history.add(log(f"{number}" + "x" * 9_000, attributes={semconv.CODE_STACKTRACE: "y" * 90_000}))
    assert history.size <= ENTRIES_BYTES
    newest = history.entries()[0]
    assert (len(newest.text), newest.text[-1], len(newest.stack)) == (2_000, "…", 8_000)
    half = len(history.entries()) // 2
    history.shrink()
    assert len(history.entries()) == half


def test_attributes_of_other_types_are_no_harm() -> None:
    history = History()
    history.add(log(attributes={semconv.CODE_FUNCTION: 3, semconv.CODE_FILE: True, semconv.CODE_LINE: "x"}))
    history.add(log("2", attributes={semconv.CODE_FUNCTION: "work"}))
    assert titles(history) == ["Loop blocked in work", "Loop blocked"]


@rows(
    ("seconds", "words"),
    [(0.004, "4 ms"), (1.23, "1.2 s"), (60, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_lengths_are_readable(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_text_cannot_disguise_itself() -> None:
    assert visible("pay\u202eload\x1b[31m\ttab\n") == "pay\\u202eload\\u001b[31m\ttab\n"
