"""What the main process writes of tasks that died and of what asyncio complained of; see `wire.records`."""

from __future__ import annotations

from typing import Literal, TypedDict

from lifesign.wire.records import Failure, Frame


class AsyncioComplaint(TypedDict):
    """What asyncio, or Python for it, complained of; `count` is how often since the process began.

    The task, its coroutine function and the exception are those of the newest one; empty where there is none. `place`
    is in the user's own code where there is such a frame.
    """

    kind: Literal["asyncio_complaint"]
    text: str
    task: str
    function: str
    place: Frame | None
    error: Failure | None
    count: int
    at: int


class _Died(TypedDict, total=False):
    thread: bool  # it was a thread, and `task` is its name
    handed: str  # to an "executor", and `task` is its thread's name, or to a "loop": a job whose future nobody has


class TaskDied(_Died):
    """A task ended by an exception that nobody has asked for; `count` is how many of its function did so at `place`.

    `referenced` says that somebody still refers to it, and may yet ask.
    """

    kind: Literal["task_died"]
    task: str
    function: str
    referenced: bool
    place: Frame | None
    error: Failure
    count: int
    at: int


class TaskEnded(TypedDict):
    """The only task of its function, which ran for most of the time, has ended without an error; its `lived` seconds.

    `outcome` is ``returned``, ``was cancelled``, or ``ended`` where that is not known.
    """

    kind: Literal["task_ended"]
    task: str
    function: str
    outcome: str
    lived: float
    count: int
    at: int
