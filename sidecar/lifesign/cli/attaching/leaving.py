"""Takes an agent that was attached out of its process again."""

from __future__ import annotations

import contextlib
import os
import time

from lifesign.errors import NotAnsweredError, RunDirectoryError
from lifesign.wire.folder import ATTACHED

_POLL = 0.05


def leave(folder: str, pid: int, timeout: float) -> None:
    """Asks the agent that writes to `folder` to leave, and waits until it has removed that.

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
        if time.monotonic() >= deadline:
            raise NotAnsweredError(
                f"the agent in process {pid} has not left within {timeout:g} s",
                "it leaves as soon as its thread runs and each event loop turns: lifesign why says why not",
            )
        time.sleep(_POLL)
