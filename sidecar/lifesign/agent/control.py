"""Starting and ending the agent by hand, and asking it for a task dump."""

from __future__ import annotations

import os

from lifesign.agent import process
from lifesign.agent.harmless import complain, harmless


def start(directory: str | None = None) -> bool:
    """Starts the agent in this process; the one line for programs that are not run by lifesign.

    Call it before the event loop starts, or inside the loop that is to be watched.

    Args:
        directory: the run directory; ``LIFESIGN_DIR`` by default.

    Returns:
        Whether the agent runs. Without a run directory it does not, and every call is a no-op.
    """
    with harmless:
        return process.start(directory or os.environ.get("LIFESIGN_DIR"), by_hand=True) is not None
    return False


def stop() -> None:
    """Ends the agent: the sidecar reads "stopped", with totals. Later calls are no-ops."""
    with harmless:
        if not process.stop():
            complain("stop() was called, but no agent runs")


def dump_tasks() -> None:
    """Asks for a task dump; it is taken from the watchdog's thread within a beat and exported as log records."""
    with harmless:
        agent = process.running()
        if agent is not None:
            agent.watchdog.dump("call")
