"""Proof of life for asyncio services: what the main process may call.

Say what the service does, and a sidecar beside it reports it as OpenTelemetry::

    import lifesign

    lifesign.checkpoint("config loaded")               # how far the boot is
    lifesign.event("order")                            # a unit of real work; the first one ends the boot
    lifesign.promise("order", within=30.0)             # silence for longer is an illness

    @lifesign.postcondition("database connected")      # what must hold once booted
    async def database_connected(): ...

    lifesign.check("tcp:5432")                         # the same, ready-made

Nothing of this is needed to be watched: ``lifesign run -- CMD`` starts a program with its sidecar. In code,
`start` and `stop` begin and end it, and `dump_tasks` asks for a task dump. `check_postconditions` and
`assert_postconditions` run the checks when the service wants to know. `DryRun` feeds the
service's own handler with generated events, as ``DRY_RUN=1`` does for a `dry_run_handler`, whose run is `dry_run`;
`synthetic` tags what is done inside as test traffic, and `is_synthetic` and `synthetic_headers` ask for the tag
and pass it on.

Where no sidecar asked for it (``LIFESIGN_DIR`` is not set), every call is a no-op. None raises, but for
`assert_postconditions`, whose purpose it is, and `DryRun`, which refuses impossible arguments: what cannot be
used is a warning in the log ``lifesign``, and a default takes its place. Times are in seconds.

What is not used is not loaded. The settings are environment variables: ``lifesign doctor`` shows them.

PYTEST_DONT_REWRITE: what is loaded before pytest is, as under ``lifesign run -- pytest``, would be a warning of its.
"""

from lifesign.loading import load_or_stand_in
from lifesign.semconv import VERSION as __version__

TYPE_CHECKING = False  # as typing.TYPE_CHECKING, whose import would cost every program that imports asyncio
if TYPE_CHECKING:
    from lifesign.agent.api import (
        assert_postconditions,
        boot_trace_id,
        check_postconditions,
        checkpoint,
        dump_tasks,
        event,
        promise,
        start,
        stop,
    )
    from lifesign.agent.checks.ready_made import check
    from lifesign.agent.checks.registry import postcondition
    from lifesign.agent.checks.results import Report, Result
    from lifesign.agent.dryrun.registration import dry_run, dry_run_handler
    from lifesign.agent.dryrun.run import DryRun
    from lifesign.agent.synthetic.context import is_synthetic, synthetic, synthetic_headers
    from lifesign.errors import PostconditionError

_HOME = {
    "DryRun": "agent.dryrun.run",
    "PostconditionError": "errors",
    "Report": "agent.checks.results",
    "Result": "agent.checks.results",
    "assert_postconditions": "agent.api",
    "check": "agent.checks.ready_made",
    "check_postconditions": "agent.api",
    "boot_trace_id": "agent.api",
    "checkpoint": "agent.api",
    "dry_run": "agent.dryrun.registration",
    "dry_run_handler": "agent.dryrun.registration",
    "dump_tasks": "agent.api",
    "event": "agent.api",
    "is_synthetic": "agent.synthetic.context",
    "postcondition": "agent.checks.registry",
    "promise": "agent.api",
    "start": "agent.api",
    "stop": "agent.api",
    "synthetic": "agent.synthetic.context",
    "synthetic_headers": "agent.synthetic.context",
}

__all__ = [
    "DryRun",
    "PostconditionError",
    "Report",
    "Result",
    "__version__",
    "assert_postconditions",
    "boot_trace_id",
    "check",
    "check_postconditions",
    "checkpoint",
    "dry_run",
    "dry_run_handler",
    "dump_tasks",
    "event",
    "is_synthetic",
    "postcondition",
    "promise",
    "start",
    "stop",
    "synthetic",
    "synthetic_headers",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found, loaded = load_or_stand_in(f"{__name__}.{_HOME[name]}", name)
    if loaded:
        globals()[name] = found  # from now on an ordinary name
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
