"""Takes an agent that was attached out of its process again."""

from __future__ import annotations

import contextlib
import os
import time

from lifesign.errors import NotAnsweredError, RunDirectoryError
from lifesign.judge.kernel import stat_fields
from lifesign.wire.folder import ATTACHED

_POLL = 0.05


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or nobody but its parent still knows of it."""
    try:
        return stat_fields(pid)[0] == "Z"
    except (OSError, IndexError):
        return True


def leave(folder: str, pid: int, timeout: float) -> str:
    """Asks the agent that writes to `folder` to leave, and waits until it has removed that, or its process has ended.

    Returns:
        Which of the two.

    Raises:
        NotAnsweredError: it is still there.
        RunDirectoryError: we may not ask it.
    """
    try:
        with contextlib.suppress(FileNotFoundError):  # it leaves already
            os.unlink(os.path.join(folder, ATTACHED))
    except PermissionError:
        raise RunDirectoryError(f"you may not write to {folder}", f"as the user of process {pid}, or as root") from None
    deadline = time.monotonic() + timeout
    while os.path.isdir(folder):
        if has_ended(pid):  # its folder stays, with how it ended
            return f"process {pid} has ended"
        if time.monotonic() >= deadline:
            raise NotAnsweredError(
                f"the agent in process {pid} has not left within {timeout:g} s",
                "it leaves as soon as its thread runs and each event loop turns: lifesign why says why not",
            )
        time.sleep(_POLL)
    return f"detached from process {pid}"
