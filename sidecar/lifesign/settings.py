"""Every setting, once: flag > environment > file > default.

Both processes read this table. The sidecar and the commands read it strictly: a malformed value is a `SettingError`
that names the variable. The main process warns in the log and takes the default: a typo must not take a service down.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Collection, Literal, Mapping, NamedTuple

from lifesign import parsing
from lifesign.errors import MalformedError, SettingError

if TYPE_CHECKING:
    from lifesign.checkspec import Spec


class Setting(NamedTuple):
    """One setting; its flag, its variable and its key in the file all follow from its name."""

    name: str
    default: str | None
    parse: Callable[[str], Any]
    help: str
    alias: str | None = None  # the name that users of the older runtime pack know
    secret: bool = False  # it may hold a password: no message shows the value
    more: str = ""  # what `--help` and the reference say besides
    unset: str = ""  # what holds where there is no default

    @property
    def env(self) -> str:
        return "LIFESIGN_" + self.name.upper()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


TABLE: tuple[Setting, ...] = (
    Setting(
        "dir",
        None,
        parsing.text,
        "the run directory, shared by main process and sidecar; best in memory",
        unset="`run`: a private folder in memory",
    ),
    Setting("heartbeat_interval", "0.1", parsing.seconds, "seconds between two heartbeats of the event loop"),
    Setting("heartbeat_timeout", "3", parsing.seconds, "seconds after which a heartbeat is stale"),
    Setting(
        "stall_threshold",
        "0.2",
        parsing.threshold,
        "seconds from which on a stall of an event loop counts and its culprit is named; 0: none",
        more="from 0.01 on; at least twice LIFESIGN_HEARTBEAT_INTERVAL is cheapest",
    ),
    Setting("boot_timeout", "8", parsing.seconds, "seconds a boot may take until its first event", "BOOT_TIMEOUT_S"),
    Setting("events", "", parsing.events, "promised events with their deadlines: order=30s,tick=5s"),
    Setting(
        "until",
        "",
        parsing.until,
        "the proof of life a boot waits for: event, or a check such as tcp:8000",
        secret=True,
        more="`smoke` always needs one",
    ),
    Setting(
        "checkpoints",
        "",
        parsing.names,
        "checkpoints of the service that a boot must reach, in order: config loaded,rules loaded",
    ),
    Setting(
        "checks", "", parsing.checks, "ready-made post-conditions: tcp:5432,web=http://localhost/health", secret=True
    ),
    Setting("ring_size", "1MiB", parsing.size, "size of the pulse's ring of records, in the main process's memory"),
    Setting(
        "task_origin",
        "0",
        parsing.flag,
        "1: record where each task is created and how it ends; some microseconds per task",
    ),
    Setting(
        "async_debug", "0", parsing.flag, "1: periodic task dumps, asyncio's debug mode and its log", "ASYNC_DEBUG"
    ),
    Setting("dump_interval", "10", parsing.seconds, "seconds between two periodic task dumps"),
    Setting(
        "last_words",
        "on",
        parsing.last_words,
        "stacks by faulthandler: on (at a crash, and of a frozen process), signals (at a crash), off",
    ),
    Setting(
        "process_context",
        "1",
        parsing.flag,
        "publish the service's Resource to profilers on this machine; 0: do not",
    ),
    Setting(
        "dry_run",
        "0",
        parsing.flag,
        "1: synthetic events through the service's own handler; the flag also takes PATTERN:RATE",
        "DRY_RUN",
    ),
    Setting(
        "dry_run_pattern",
        "sequential",
        parsing.pattern,
        "sequential (the factories in turn), random, or burst (3 to 10 at once)",
        "DRY_RUN_PATTERN",
    ),
    Setting("dry_run_rate", "1.0", parsing.rate, "synthetic events a second", "DRY_RUN_RATE"),
    Setting(
        "dry_run_seed",
        "42",
        parsing.whole,
        "the same seed makes the same events",
        "DRY_RUN_SEED",
        more="the second worker of a run directory takes one more, and so on",
    ),
    Setting("dry_run_account", "DRY-RUN", parsing.text, "the account in the sample events", "DRY_RUN_ACCOUNT"),
    Setting(
        "poll_interval",
        "0.25",
        parsing.seconds,
        "seconds after which the sidecar asks a pulse again whether it has something new",
        more="a process in which nothing happens is polled for each push of metrics",
    ),
    Setting("metric_interval", "5", parsing.seconds, "seconds between two metric exports"),
    Setting(
        "spool_dir",
        None,
        parsing.text,
        "where records wait for the Collector; on disk",
        unset="`$XDG_STATE_HOME/lifesign/spool/N`",
    ),
    Setting(
        "spool_size",
        "256MiB",
        parsing.size,
        "maximum size of the spool; the oldest records are dropped first, counted",
        more="half of it is for spans and half for log records; with profiles a third for each",
    ),
    Setting("profiles", "0", parsing.flag, "1: send the stacks of stalls as OTLP profiles, a signal in development"),
    Setting("shutdown_timeout", "5", parsing.seconds, "seconds that the sidecar may spend on flushing when it exits"),
    Setting(
        "sigterm_delay",
        "1.25",
        parsing.seconds,
        "maximum seconds after SIGTERM to wait for the watched processes to end",
        more="for a sidecar that gets SIGTERM when they do; a kubelet may kill it after two",
    ),
    Setting(
        "termination_grace",
        "30",
        parsing.seconds,
        "seconds a process may take to end, once it was asked to",
        more="until then its clean-up is no illness",
    ),
    Setting(
        "page_addr",
        None,
        parsing.address,
        "HOST:PORT of the local page",
        unset="`run` without a Collector: 127.0.0.1:7317",
    ),
    Setting(
        "linger",
        "0",
        parsing.flag,
        "1: after an ill end of `run` the page stays up while it is open; Ctrl-C ends it",
        more="and a minute for who opens it",
    ),
    Setting(
        "health_addr",
        None,
        parsing.address,
        "HOST:PORT of the health endpoints",
        more="/livez and /readyz (the sidecar), /app/livez, /app/readyz and /app/startupz (the service)",
        unset="off",
    ),
    Setting("log_level", "warning", parsing.level, "log level of the sidecar on standard error"),
)

BY_NAME = {setting.name: setting for setting in TABLE}


class Settings:
    """Resolved settings as attributes: ``settings.heartbeat_timeout`` and so on.

    Args:
        flags: values from the command line by name, as text; None where not given.
        environ: the environment, ``os.environ`` by default.
        file: values from the configuration file by name, as text.
        strict: raise `SettingError` for a malformed value, else warn and take the default.
        names: the settings that are wanted; no other is looked at.
    """

    dir: str | None
    heartbeat_interval: float
    heartbeat_timeout: float
    stall_threshold: float
    boot_timeout: float
    events: dict[str, float]
    until: Literal["event"] | Spec | None
    checkpoints: tuple[str, ...]
    checks: dict[str, Spec]
    ring_size: int
    task_origin: bool
    async_debug: bool
    dump_interval: float
    last_words: str
    process_context: bool
    dry_run: bool
    dry_run_pattern: str
    dry_run_rate: float
    dry_run_seed: int
    dry_run_account: str
    poll_interval: float
    metric_interval: float
    spool_dir: str | None
    spool_size: int
    profiles: bool
    shutdown_timeout: float
    sigterm_delay: float
    termination_grace: float
    page_addr: tuple[str, int] | None
    linger: bool
    health_addr: tuple[str, int] | None
    log_level: int

    def __init__(
        self,
        flags: Mapping[str, str | None] | None = None,
        environ: Mapping[str, str] | None = None,
        file: Mapping[str, str] | None = None,
        *,
        strict: bool = True,
        names: Collection[str] | None = None,
    ) -> None:
        environ = os.environ if environ is None else environ
        self.sources: dict[str, str] = {}
        for setting in TABLE if names is None else (BY_NAME[name] for name in names):
            source, raw = _find(setting, flags or {}, environ, file or {})
            self.sources[setting.name] = source
            value: Any = None
            if raw is not None:
                try:
                    value = setting.parse(raw)
                except MalformedError as error:
                    if strict:
                        raise _malformed(setting, source, raw, error) from None
                    _warn(_malformed(setting, source, raw, error).what)
                    if error.rest is not None:
                        value = error.rest
                    else:
                        self.sources[setting.name] = "default"
                        value = None if setting.default is None else setting.parse(setting.default)
            setattr(self, setting.name, value)


def _warn(what: str) -> None:
    import logging

    logging.getLogger("lifesign").warning("lifesign: %s", what)


def _find(
    setting: Setting, flags: Mapping[str, str | None], environ: Mapping[str, str], file: Mapping[str, str]
) -> tuple[str, str | None]:
    flag = flags.get(setting.name)
    if flag is not None:
        return setting.flag, flag
    for variable in (setting.env, setting.alias):
        # An empty variable counts as unset, as the OpenTelemetry specification has it.
        if variable and environ.get(variable):
            return variable, environ[variable]
    if setting.name in file:
        return "file", file[setting.name]
    return "default", setting.default


def _malformed(setting: Setting, source: str, raw: str, error: MalformedError) -> SettingError:
    where = setting.name if source == "file" else source
    shown = "(not shown)" if setting.secret else repr(raw)
    return SettingError(
        f"{where}={shown} cannot be used: it {error}",
        f"{setting.help}; the default is {setting.default or 'none'}",
    )


def state_directory(environ: Mapping[str, str]) -> str:
    """Where this user's programs keep what they want to find again."""
    state, home = environ.get("XDG_STATE_HOME", ""), os.path.expanduser("~")
    if os.path.isabs(state):  # the XDG specification has relative paths ignored
        return state
    # A user without a home, as in a container, may hardly write there: the error names the folder.
    return os.path.join(home if os.path.isabs(home) else "/", ".local", "state")
