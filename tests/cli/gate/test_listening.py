"""Where a program listens, which is what to add to a gate that waited for an event for nothing."""

from __future__ import annotations

import os
import socket
from typing import Any

from lifesign.cli.gate import listening
from lifesign.cli.gate.verdict import STALLED, Outcome, Seen, judge, with_ports
from support.made.boards import snapshot

LATE: dict[str, Any] = {"boot": "timed_out", "boot_diagnostic": "timed out", "state": "starting"}


def test_the_ports_of_a_process() -> None:
    before = listening.ports(os.getpid())
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("::1", 0), family=socket.AF_INET6) as two:
        with socket.create_connection(one.getsockname()):  # a connection is no port
            found = listening.ports(os.getpid())
        assert set(found) - set(before) == {one.getsockname()[1], two.getsockname()[1]}
        assert found == sorted(found)
    assert listening.ports(999999999) == []


def test_what_to_add_names_the_port_where_one_is_listened_at() -> None:
    outcome = judge(Seen([snapshot(**LATE)], None, None, 1.0, 8.0, by_event=True))
    assert outcome is not None
    assert with_ports(outcome, []).hint == outcome.hint
    assert with_ports(outcome, [8000, 9000]).hint.startswith("add --until tcp:8000, where it listens by now, or call ")
    other = Outcome(STALLED, 2, "late", None, "allow more time")
    assert with_ports(other, [8000]) == other
