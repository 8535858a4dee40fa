"""What the agent changes in a process can be undone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from lifesign.agent import hook


def test_the_hook_of_the_running_loop_is_undone() -> None:
    seen: list[Any] = []
    original = [].append
    events = SimpleNamespace(_set_running_loop=original)
    hook.observe(events, seen.append)
    observing = events._set_running_loop
    hook.forget(events)
    assert events._set_running_loop is original
    observing("a loop")  # whoever has taken it with them
    assert seen == []
