"""Brings the agent into a program by nothing but lifesign being installed; ``lifesign.pth`` beside it calls it.

Python reads that file at each start, and where ``LIFESIGN_DIR`` is not set, all it does is ask for that variable.
"""

import os
import sys

_INJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lifesign", "agent", "inject")


def start() -> None:
    """Brings in the agent that is on ``PYTHONPATH``, whatever its version, or else the one that is installed."""
    if "lifesign_inject" in sys.modules:
        return
    sys.path.append(_INJECT)  # last: what was injected goes with the sidecar that injected it
    try:
        import lifesign_inject  # type: ignore[import-not-found]
    except Exception:  # noqa: BLE001 - a program that cannot be watched still runs
        return
    finally:
        sys.path.remove(_INJECT)
    lifesign_inject.bring_in()
