"""A process that is frozen in C code, as the kernel shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

from lifesign.judge.gil.threads import ThreadsSeen
from lifesign.wire.stacks.request import StacksRequest, ThreadUse, encode_request

SECOND = 1_000_000_000
NUMBER = 43
WATCHDOG, MAIN = 5_000_012, 5_000_010  # more than any system has
BIT = 1 << (NUMBER - 1)
ANSWER = b'Current thread 0x01 (most recent call first):\n  File "/srv/desk.py", line 5 in match\n\n'


class Kernel:
    """A process that is frozen in C code, its clock, and the signals that it gets. A test changes what it needs."""

    def __init__(self, path: Path, pid: int) -> None:
        self.path, self.pid = path, pid
        self.begin()

    def begin(self) -> None:
        """As at first, before anybody has asked."""
        self.own = self.pid
        self.now = 100 * SECOND
        self.beats: Callable[[], int] = lambda: 7
        self.sent: list[int] = []
        self.status = {"TracerPid": "0", "Tgid": str(self.pid), "SigBlk": "0", "SigIgn": "0", "SigCgt": f"{BIT:x}"}
        self.states = ["R (running)", "S (sleeping)"]  # of the watchdog's thread; the last one stays
        self.waiting = {WATCHDOG}
        self.answers = True
        self.offers({"signal": NUMBER, "thread": WATCHDOG, "threads": []})
        (self.path / "stacks").write_bytes(b"")

    def offers(self, content: Any) -> None:
        (self.path / "stacks.json").write_text(json.dumps(content))

    def was_asked(self, *at: int, beats: int = 7) -> None:
        lines = [encode_request(StacksRequest(one, beats, 5, {})) for one in at]
        (self.path / "stacks").write_bytes(b"".join(lines))

    # The clock.
    def monotonic_ns(self) -> int:
        return self.now

    time_ns = monotonic_ns

    def monotonic(self) -> float:
        return self.now / SECOND

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)

    # What it shows of the threads, and the signal.
    def look(self, pid: int, now: int) -> ThreadsSeen:
        assert pid == self.pid
        turns = now // (SECOND // 200)
        waits = dict.fromkeys(self.waiting, ThreadUse("S", turns * 10_000, turns, 1))
        return ThreadsSeen(now, {MAIN: ThreadUse("R", now, 3, 1), **waits} if self.waiting else {})

    def read(self, path: str) -> bytes:
        assert path.startswith(f"/proc/{self.pid}/task/")
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return "".join(f"{name}:\t{word}\n" for name, word in {**self.status, "State": state}.items()).encode()

    def send(self, _descriptor: int, number: int) -> None:
        self.sent.append(number)
        if self.answers:
            with (self.path / "stacks").open("ab") as file:
                file.write(ANSWER)
