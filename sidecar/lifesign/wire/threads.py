"""What the main process writes of its threads, and of the files that it has open; see `wire.records`."""

from __future__ import annotations

from typing import Literal, TypedDict

from lifesign.wire.frames import CaughtError, Frame, GroupEdge


class ThreadWait(TypedDict):
    """A thread that waits at `at`, and who keeps it waiting: a thread, or the task of an event loop in that thread.

    `certain` says that the thing itself names its holder; where only frames show it, it is likely.
    """

    thread: str
    loop: bool  # whether an event loop runs in it
    type: str  # such as "threading.Lock", "queue.Queue", "future", "thread", "import lock"
    name: str  # what the code calls it; empty where that is not known
    state: str  # such as "empty"; for a future "running" or "not begun"
    how: str  # the method that it waits in
    clock: bool  # whether something may end the wait by itself
    at: Frame | None
    holder: str | None
    task: str  # empty where the thread itself is the holder
    verb: str  # the holder "holds" it, "runs" the job, "is" that thread, or runs the "loop" that alone can bring it
    certain: bool
    place: Frame | None  # where the holder is now


class _Newer(TypedDict, total=False):
    call: str  # what a sample of them has asked the kernel for, where it waits for nothing of the process itself
    job: str  # what an executor runs in it that is no Python code, such as "open"
    daemon: bool  # whether Python does not wait for any of them at its end
    error: CaughtError | None  # that a sample of them handles; of the main thread also what the program ended by


class ThreadGroup(_Newer):
    """The threads that stand at the same lines, outermost frame first; those that run event loops come first."""

    kind: Literal["thread_group"]
    dump: str
    index: int
    count: int
    names: list[str]
    loop: bool  # whether an event loop runs in it
    stack: list[Frame]
    wait: ThreadWait | None
    at: int


class _Workers(TypedDict, total=False):
    workers: list[str]  # of one with processes: which they are, and whether each has a processor just now


class ExecutorState(_Workers):
    """An executor: how many of its threads or processes do a job, of how many at most, and how many jobs wait."""

    kind: Literal["executor"]
    dump: str
    index: int
    type: str
    name: str  # the prefix of its threads' names
    default: bool  # whether it is that of an event loop
    busy: int
    most: int
    queued: int
    groups: list[GroupEdge]  # where the busy threads stand, by the index of a thread group


class Backlog(TypedDict):
    """What has only grown in these `seconds`, from `before` on: a queue without a limit, the bytes that wait to be sent
    to somebody, threads of a function, or executors.

    `takes` and `puts` are where tasks are whose code does that to a queue; of threads `puts` is the function.
    """

    type: str  # such as "Queue"; "bytes", and `name` is to whom; "thread", "executor"
    name: str
    size: int
    before: int
    seconds: float
    takes: Frame | None
    puts: Frame | None


class OpenKind(TypedDict):
    """So many open files of a kind, and of connections how many the other end has closed."""

    kind: str
    count: int
    closed: int


class OpenFiles(TypedDict):
    """How many files are open of how many that may be, and the most frequent kinds."""

    open: int
    most: int
    kinds: list[OpenKind]
