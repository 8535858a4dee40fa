"""Records of short stalls and of busy loops as a main process writes them, so that a test names what it is about."""

from __future__ import annotations

from typing import Any

S = 1_000_000_000
NOON = 1_793_102_400 * S  # wall clock
RENDER: Any = {"function": "render", "file": "/srv/shop/app.py", "line": 8}
HANDLE: Any = {"function": "handle", "file": "/srv/shop/app.py", "line": 20}
DUMPS: Any = {"function": "dumps", "file": "/usr/lib/python3.11/json/__init__.py", "line": 231}


def stack(*frames: Any, seconds: float = 5.0, samples: int = 50) -> Any:
    return {"stack": list(frames), "samples": samples, "time": int(seconds * S), "computing": int(seconds * S)}


def culprit(number: int = 1, count: int = 14, total: float = 5.2, worst: float = 1.2, **changes: Any) -> Any:
    """What has computed in `render`; times in seconds, `ago` how long before noon it was last."""
    ago = changes.pop("ago", 3.0)
    computing = changes.pop("computing", total)
    return {
        "kind": "stall_culprit",
        "id": number,
        "what": "call",
        "loop": 0,
        "thread": "",
        "place": RENDER,
        "count": count,
        "total": int(total * S),
        "worst": int(worst * S),
        "last": NOON - int(ago * S),
        "samples": 52,
        "computing": int(computing * S),
        "task": "",
        "coroutine": "",
        "trace": None,
        "span": None,
        "stacks": [stack(HANDLE, RENDER)],
        "at": NOON - int(ago * S),
        **changes,
    }


def totals(*numbers: Any, others: int = 0, others_total: float = 0.0, at: int = NOON) -> Any:
    """The numbers of culprits, each given as by `culprit`."""
    names = ("id", "count", "total", "worst", "last", "samples", "computing")
    return {
        "kind": "stall_totals",
        "at": at,
        "culprits": [{name: one[name] for name in names} for one in numbers],
        "others": others,
        "others_total": int(others_total * S),
    }


def busy(loop: int = 0, since: float = 12.0, **changes: Any) -> Any:
    """A loop that has been busy for so many seconds at noon."""
    return {
        "kind": "busy_loop",
        "loop": loop,
        "since": NOON - int(since * S),
        "at": NOON,
        "utilization": 0.981,
        "samples": 40,
        "in_place": 39,
        "place": RENDER,
        "stacks": [stack(HANDLE, RENDER, samples=39)],
        **changes,
    }
