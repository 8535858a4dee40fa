"""The environments of the two children of `lifesign run`."""

from __future__ import annotations

import os
from typing import Mapping, NamedTuple

import lifesign
from lifesign.cli.options import dry_run
from lifesign.cli.options.arguments import Given
from lifesign.cli.supervise import descendants
from lifesign.settings import BY_NAME

# What the agent reads; the sidecar gets every setting.
_AGENT_SETTINGS = (
    "heartbeat_interval",
    "heartbeat_timeout",
    "stall_threshold",
    "boot_timeout",
    "events",
    "until",
    "checkpoints",
    "checks",
    "ring_size",
    "task_origin",
    "async_debug",
    "dump_interval",
    "last_words",
    "metric_interval",
    "process_context",
    "dry_run",
    "dry_run_pattern",
    "dry_run_rate",
    "dry_run_seed",
    "dry_run_account",
)
_INJECT = os.path.join(os.path.dirname(os.path.abspath(lifesign.__file__)), "agent", "inject")


class Environments(NamedTuple):
    """The environment of each of the two children."""

    command: dict[str, str]
    sidecar: dict[str, str]


def environments(given: Given, environ: Mapping[str, str], directory: str, run_id: str) -> Environments:
    """What CMD gets on top of `environ`: the run directory, its settings, and the way in; and the sidecar."""
    shared = BY_NAME["dir"].env
    command = {**environ, **given.variables(environ, _AGENT_SETTINGS), shared: directory, descendants.VARIABLE: run_id}
    command.update(dry_run.variables(given.settings(environ)))
    command["PYTHONPATH"] = os.pathsep.join(filter(None, (_INJECT, environ.get("PYTHONPATH"))))
    sidecar = {**environ, **given.variables(environ, BY_NAME), shared: directory}
    # The sidecar must not load the agent, nor modules that lie in the folder where CMD happens to start.
    paths = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path not in ("", _INJECT)]
    sidecar["PYTHONPATH"] = os.pathsep.join(paths)  # empty counts as unset
    sidecar.pop(descendants.VARIABLE, None)  # one run inside another: the sidecar is nobody who is left behind
    return Environments(command, sidecar)
