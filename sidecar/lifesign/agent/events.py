"""``lifesign.event``: one unit of the service's real work."""

from __future__ import annotations

from lifesign.agent import process
from lifesign.agent.harmless import complain
from lifesign.agent.synthetic import is_synthetic


def event(name: str = "event") -> None:
    """Counts one unit of real work, such as ``"order"``; the first one ends the boot.

    Made for hot loops: a counter and a timestamp in shared memory, from any thread, no system call.
    Up to 63 names are told apart, 64 bytes of each; all further ones count as ``other``.
    """
    # `with harmless` would cost as much again as the rest.
    try:
        agent = process.running()
        if agent is not None:
            agent.pulse.events.count(name, is_synthetic())
    except Exception as error:  # noqa: BLE001
        complain("an event could not be counted", error)
