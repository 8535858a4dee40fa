"""Proof of life for asyncio services: what the main process may call.

Every call is a no-op where no sidecar asked for it (``LIFESIGN_DIR`` unset), and none raises.
"""

from lifesign.agent.assertions import assert_postconditions, check_postconditions
from lifesign.agent.checkpoints import checkpoint
from lifesign.agent.control import dump_tasks, start, stop
from lifesign.agent.dryrun import DryRun
from lifesign.agent.events import event
from lifesign.agent.postconditions import Report, Result, postcondition
from lifesign.agent.synthetic import is_synthetic, synthetic
from lifesign.errors import PostconditionError
from lifesign.semconv import VERSION as __version__

__all__ = [
    "DryRun",
    "PostconditionError",
    "Report",
    "Result",
    "__version__",
    "assert_postconditions",
    "check_postconditions",
    "checkpoint",
    "dump_tasks",
    "event",
    "is_synthetic",
    "postcondition",
    "start",
    "stop",
    "synthetic",
]
