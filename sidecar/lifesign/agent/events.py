"""``lifesign.event``: one unit of the service's real work, and ``lifesign.promise``: that it will come."""

from __future__ import annotations

from lifesign.agent import process
from lifesign.agent.dryrun.synthetic import tagged
from lifesign.agent.harmless import complain, harmless


def event(name: str = "event") -> None:
    """Counts one unit of real work, such as ``"order"``; the first one ends the boot.

    Made for hot loops: a counter and a timestamp in shared memory, from any thread, no system call.
    Up to 63 names are told apart, 64 bytes of each; all further ones count as ``other``.
    """
    # `with harmless` would cost as much again as the rest.
    try:
        agent = process.running()
        if agent is not None:
            agent.pulse.events.count(name, tagged())
    except Exception as error:  # noqa: BLE001
        complain("an event could not be counted", error)


def promise(name: str, *, within: float) -> None:
    """Promises that the event `name` comes at least every `within` seconds; the service is silent when it does not.

    The same as ``LIFESIGN_EVENTS`` in code. A boot that has not ended waits for a first event: call it before the
    event loop starts, or first thing inside.

    Args:
        within: seconds, above 0.
    """
    with harmless:
        agent = process.running()
        if agent is None:
            return
        if not within > 0:
            complain(f"promise({name!r}): within is seconds above 0, not {within!r}")
            return
        agent.boot.promise(str(name), int(within * 1e9))
