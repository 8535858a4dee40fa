"""What the agent notes of tasks and threads, without a ring."""

from __future__ import annotations

from typing import Any

from lifesign.agent.complaints.counted import Counted


class Noted(Counted):
    """What was noted, at once."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []

    def note(self, key: Any, made: Any) -> None:
        self.records.append(made())
