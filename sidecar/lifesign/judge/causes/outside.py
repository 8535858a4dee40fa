"""Waits that something else has to end: a clock, a child, a peer, a future, an event. Most are only probable causes.

A task may wait so by intention. So these rows speak only of a process that lacks something, or in which nothing moves;
the task that the loop itself runs for may wait for ever; and the wait must be the user's own, not one inside of an
installed package.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Iterable, Iterator

from lifesign.judge import states
from lifesign.judge.causes.findings import Cause, Dump, Findings
from lifesign.judge.causes.phrases import behind, name_of, waited_for, waiters, waiting
from lifesign.judge.causes.whose import as_the_user_waits, groups_of, is_by_main_alone, is_users_own

if TYPE_CHECKING:
    from lifesign.wire.records import TaskPrimitive

LONG_SLEEP_SECONDS = 5.0  # that are left of a sleep that is worth a word
_PEERS = ("StreamReader", "StreamWriter", "socket", "HTTP connection", "HTTP body", "asyncpg connection", "WebSocket")
_MAY_BE_MEANT = ("Event", "Condition", "Future", "sleep")  # for ever, by the task that the loop runs for
LOST = "nothing else"
_NEED_TIMEOUT = ("child-process", "dns", "peer-silent")
_SENDS = ("drain", "sock_sendall", "sock_sendto")
_HAS_ENDED = ", has ended"  # of a child whose end asyncio knows
_NOBODY = {"Event": "sets", "Condition": "notifies"}


def lost_futures(findings: Findings) -> list[Cause]:
    """Nobody but those who wait for it refers to the future."""
    return [
        _cause("lost-future", f"{waiting(one, dump)} for a Future that nothing else refers to", one, dump)
        for dump, one in _of(findings, "Future")
        if one["state"].startswith(LOST)
    ]


def barriers(findings: Findings) -> list[Cause]:
    """Fewer have come than are waited for."""
    return [
        _cause("barrier", f"{waiting(one, dump)} at {name_of(one)} for more to come: {one['state']}", one, dump)
        for dump, one in _of(findings, "Barrier")
    ]


def children(findings: Findings) -> list[Cause]:
    """A child process does not end, or says nothing."""
    made = []
    for dump, one in _of(findings, "subprocess", *_PEERS):
        child = one["state"].removeprefix("a pipe of ")
        who = waiting(as_the_user_waits(one, dump), dump)
        if child.endswith(_HAS_ENDED):
            # It waits for the pipes too, which whoever inherited them holds open.
            sentence = f"{who} for the end of the output of a child process: {child}; another process has it open"
            made.append(_cause("child-process", sentence, one, dump))
        elif ", pid " in one["state"] or child.startswith("pid "):
            made.append(_cause("child-process", f"{who} for a child process: {child}", one, dump))
    return made


def closing_servers(findings: Findings) -> list[Cause]:
    """From 3.12 on a server that closes waits for its connections, however long these last."""
    return [
        _cause("connections-open", f"{waiting(one, dump)} for a server to close: {one['state']}", one, dump)
        for dump, one in _of(findings, "Server")
        if one["state"]
    ]


def lookups(findings: Findings) -> list[Cause]:
    """No answer of DNS comes."""
    return [
        _cause("dns", f"{waiting(one, dump)} for an answer of DNS ({one['how']})", one, dump)
        for dump, one in _of(findings, "DNS lookup")
    ]


def peers(findings: Findings) -> list[Cause]:
    """A server says nothing. Of a client nobody expects that it speaks, unless asked."""
    made = []
    for dump, one in _alike(_of(findings, *_PEERS)):
        if "connect" in one["how"] and not one["state"]:
            sentence = f"probably nobody answers who is to be connected to: {waiting(one, dump)} for it"
            made.append(_cause("peer-silent", sentence, one, dump))
        elif one["state"] == "a client" and one["how"] in _SENDS:
            sentence = f"probably a client takes nothing: {waiting(one, dump)} for it"
            made.append(_cause("peer-silent", sentence, one, dump))
        elif one["state"].startswith(("server", "a Unix socket")):
            silent = "takes" if one["how"] in _SENDS else "sends"
            who = f"the {one['state']}" if one["state"].startswith("server") else one["state"]
            sentence = f"probably {who} {silent} nothing: {waiting(one, dump)} for it"
            made.append(_cause("peer-silent", sentence, one, dump))
    return made


def events(findings: Findings) -> list[Cause]:
    """Nobody sets an event, or notifies those who wait for a condition."""
    return [
        _cause(
            "event-not-set",
            f"probably nobody {_NOBODY[one['type']]} {name_of(one)}: {waiting(one, dump)}",
            one,
            dump,
        )
        for dump, one in _of(findings, *_NOBODY)
        if one["state"] != "set"
    ]


def pending_futures(findings: Findings) -> list[Cause]:
    """Somebody may still resolve a future, and has not."""
    return [
        _cause("future-pending", f"probably nobody resolves {name_of(one)}: {waiting(one, dump)} for it", one, dump)
        for dump, one in _of(findings, "Future")
        if not one["state"]
    ]


def sleeps(findings: Findings) -> list[Cause]:
    """A long sleep, such as that of a retry."""
    made = []
    for dump, one in _of(findings, "sleep"):
        left = max((group["time_left"] or 0.0 for group in groups_of(one, dump)), default=0.0)
        if left >= LONG_SLEEP_SECONDS:
            sentence = f"probably a sleep that is too long: {' and '.join(waiters(one, dump))}"
            made.append(_cause("long-sleep", sentence, one, dump))
    return made


def _of(findings: Findings, *types: str) -> Iterator[tuple[Dump, TaskPrimitive]]:
    if findings.state != states.SILENT:
        return  # something else is wrong, and these are waits as any service has them
    for dump, one in waited_for(findings):
        if one["type"] not in types or not is_users_own(one, dump, through_packages=one["type"] in _PEERS):
            continue
        if one["type"] not in _MAY_BE_MEANT or one["state"].startswith(LOST) or not is_by_main_alone(one, dump):
            yield dump, one


def _alike(found: Iterable[tuple[Dump, TaskPrimitive]]) -> Iterator[tuple[Dump, TaskPrimitive]]:
    """Each has a connection of its own: those that wait for one server in one way are one."""
    seen: dict[tuple[str, ...], tuple[Dump, TaskPrimitive]] = {}
    for dump, one in found:
        key = (one["state"], one["how"], *sorted({str(edge["group"]) for edge in one["waiting"]}))
        before = seen.get(key)
        if before is not None:
            counts = Counter({edge["group"]: edge["count"] for edge in before[1]["waiting"]})
            counts.update({edge["group"]: edge["count"] for edge in one["waiting"]})
            one = {**before[1], "waiting": [{"group": group, "count": count} for group, count in counts.items()]}
        seen[key] = dump, one
    yield from seen.values()


def _cause(word: str, sentence: str, primitive: TaskPrimitive, dump: Dump) -> Cause:
    ends = any(group["time_left"] is not None for group in groups_of(primitive, dump))
    said = sentence if ends or word not in _NEED_TIMEOUT else f"{sentence}, without a timeout"
    return Cause(word, said, primitive["place"], tuple(behind(primitive, dump)))
