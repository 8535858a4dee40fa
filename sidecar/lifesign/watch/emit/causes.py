"""A cause as telemetry: words for a body, and attributes with the place in the user's own code."""

from __future__ import annotations

from typing import Iterable, Sequence

from lifesign import semconv
from lifesign.judge.causes.findings import Asked, Cause, Exiting
from lifesign.judge.causes.phrases import own_frame
from lifesign.judge.causes.stalls import MAKE_NOBODY_ILL
from lifesign.judge.reading import Reading
from lifesign.watch.sources import Source
from lifesign.watch.telemetry import Attributes, CauseReading
from lifesign.wire.records import Frame, Stall


def reasons(causes: Sequence[Cause]) -> list[Cause]:
    """Those that may have made a process ill: short stalls do not, which have records of their own."""
    return [cause for cause in causes if cause.word not in MAKE_NOBODY_ILL]


def cause_attributes(causes: Sequence[Cause]) -> Attributes:
    """The word of the first cause of an illness, and its place."""
    first = next(iter(reasons(causes)), None)
    if first is None:
        return {}
    return {semconv.CAUSE: first.word, **place_attributes(first.place)}


def place_attributes(place: Frame | None) -> Attributes:
    """The ``code.*`` attributes of one place."""
    if place is None:
        return {}
    return {
        semconv.CODE_FUNCTION: place["function"],
        semconv.CODE_FILE: place["file"],
        semconv.CODE_LINE: place["line"],
    }


def stack_attributes(stack: list[Frame], source: Source) -> Attributes:
    """The ``code.*`` attributes of a stack, outermost frame first: the user's own place in it, and the whole."""
    if not stack:
        return {}
    return {**place_attributes(own_frame(stack)), semconv.CODE_STACKTRACE: stack_text(stack, source)}


def stack_text(stack: Iterable[Frame], source: Source) -> str:
    """A stack as Python writes one, with the lines of source that can be had."""
    lines: list[str] = []
    for frame in stack:
        if not frame["file"]:
            lines.append(frame["function"])
            continue
        lines.append(f'File "{frame["file"]}", line {frame["line"]}, in {frame["function"]}')
        text = source(frame["file"], frame["line"])
        if text is not None:
            lines.append(f"  {text}")
    return "\n".join(lines)


def stall_attributes(stalls: Sequence[Stall], source: Source) -> Attributes:
    """The whole stack of the first loop that is blocked, and whether its thread uses the processor."""
    if not stalls:
        return {}
    stall = stalls[0]
    attributes = stack_attributes(stall["stack"], source)
    if stall["busy"] is not None:
        attributes[semconv.STALL_BUSY] = stall["busy"]
    return attributes


def cause_words(causes: Sequence[Cause], why: str) -> str:
    """Every cause of an illness in one line, without what the verdict says already."""
    said = why.removeprefix("uncaught ")
    news = (
        cause.sentence.removeprefix(said).removeprefix(", ") for cause in reasons(causes) if cause.sentence not in why
    )
    return "; ".join(filter(None, news))


def cause_reading(cause: Cause) -> CauseReading:
    """The cause as page, `status` and `why` show it."""
    place = cause.place
    return CauseReading(
        word=cause.word,
        sentence=cause.sentence,
        function=place["function"] if place is not None else "",
        file=place["file"] if place is not None else "",
        line=place["line"] if place is not None else 0,
        evidence=cause.evidence,
    )


def asked(reading: Reading) -> Asked | None:
    """Who asked for the end of the process, and how long it has been there since, or was until it ended."""
    ending = reading.ending
    if ending.asked is None or ending.asked_at is None:
        return None
    since = max(0, reading.now - ending.asked_at)
    return Asked(ending.asked, reading.wall - since, since if ending.asked_ago is None else ending.asked_ago)


def exiting(reading: Reading) -> Exiting | None:
    """What Python waits for at the end of the program, where it has done so for longer than a heartbeat may take."""
    signs = reading.watchdog
    if signs is None or not signs.ending or signs.ending_for_ns < reading.timeout:
        return None
    return Exiting(signs.ending, reading.wall - signs.ending_for_ns, signs.ending_for_ns)
