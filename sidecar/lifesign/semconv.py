"""Every telemetry name that lifesign emits, once.

Names under ``lifesign.`` are ours. The others are OpenTelemetry semantic conventions, 1.44:
stable unless a comment says otherwise. Dashboards, alerts and tests lean on this page; the
tables in docs/reference.md are checked against it.
"""

from __future__ import annotations

SCOPE = "lifesign"
VERSION = "0.1.0"
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"

# --- metrics ---------------------------------------------------------------------------------
HEARTBEATS = "lifesign.heartbeats"
HEARTBEAT_AGE = "lifesign.heartbeat.age"
HEARTBEAT_TIMEOUT = "lifesign.heartbeat.timeout"
HEARTBEAT_EXPECTED = "lifesign.heartbeat.expected"
EVENTLOOPS_UNWATCHED = "lifesign.eventloops.unwatched"
EVENTLOOP_DELAY = "lifesign.eventloop.delay"
EVENTLOOP_UTILIZATION = "lifesign.eventloop.utilization"  # also an attribute
EVENTLOOP_TIME = "lifesign.eventloop.time"
EVENTLOOP_STALL_TIME = "lifesign.eventloop.stall.time"
PROCESS_STATE = "lifesign.process.state"
PROCESS_CAUSE = "lifesign.process.cause"
TASKS = "lifesign.tasks"
EVENTS = "lifesign.events"
EVENT_AGE = "lifesign.event.age"
EVENT_DEADLINE = "lifesign.event.deadline"
BOOT_DURATION = "lifesign.boot.duration"
BOOT_STATUS = "lifesign.boot.status"
POSTCONDITION_PASSED = "lifesign.postcondition.passed"
RECORDS_DROPPED = "lifesign.records.dropped"
SPOOL_SIZE = "lifesign.spool.size"
EXPORT_RETRIES = "lifesign.export.retries"
EXPORT_AGE = "lifesign.export.age"
EXPORT_REJECTED = "lifesign.export.rejected"
DRY_RUN_EVENTS = "lifesign.dry_run.events"
DRY_RUN_SKIPPED = "lifesign.dry_run.skipped"
DRY_RUN_LAG = "lifesign.dry_run.lag"
PROCESS_UPTIME = "process.uptime"  # this, and all that follow: development
PROCESS_CPU_TIME = "process.cpu.time"
PROCESS_MEMORY_USAGE = "process.memory.usage"
PROCESS_THREADS = "process.thread.count"
PROCESS_DESCRIPTORS = "process.unix.file_descriptor.count"
PROCESS_CONTEXT_SWITCHES = "process.context_switches"
PROCESS_PAGE_FAULTS = "process.paging.faults"
GC_COLLECTIONS = "cpython.gc.collections"
GC_COLLECTED = "cpython.gc.collected_objects"
GC_UNCOLLECTABLE = "cpython.gc.uncollectable_objects"
CONTAINER_MEMORY_USAGE = "container.memory.usage"
CONTAINER_MEMORY_LIMIT = "lifesign.container.memory.limit"  # the conventions have one of Kubernetes alone

# --- spans -----------------------------------------------------------------------------------
SPAN_BOOT = "boot"
SPAN_CHECKPOINT = "checkpoint {name}"
SPAN_POSTCONDITIONS = "postconditions"
SPAN_POSTCONDITION = "postcondition {name}"
SPAN_DRY_RUN = "dry_run {type}"
SPAN_BLOCKED = "eventloop blocked"
SPAN_FROZEN = "process frozen"

# --- log records (the EventName field) ---------------------------------------------------------
LOG_TASK_DUMP = "lifesign.task_dump"
LOG_TASK_GROUP = "lifesign.task_group"
LOG_THREAD_GROUP = "lifesign.thread_group"
LOG_BLOCKED = "lifesign.eventloop.blocked"
LOG_STALL = "lifesign.eventloop.stall"
LOG_BUSY = "lifesign.eventloop.busy"
LOG_FROZEN = "lifesign.process.frozen"
LOG_LAST_WORDS = "lifesign.last_words"
LOG_DIED = "lifesign.process.died"
LOG_STOPPED = "lifesign.process.stopped"
LOG_SILENCE = "lifesign.silence"
LOG_DEGRADED = "lifesign.process.degraded"
LOG_POSTCONDITION_FAILED = "lifesign.postcondition.failed"
LOG_POSTCONDITION_RECOVERED = "lifesign.postcondition.recovered"
LOG_CHECKPOINT_FAILED = "lifesign.checkpoint.failed"
LOG_BOOT_FAILED = "lifesign.boot.failed"
LOG_DRY_RUN_FAILED = "lifesign.dry_run.failed"
LOG_RECORDS_DROPPED = "lifesign.records.dropped"
LOG_ASYNCIO_COMPLAINT = "lifesign.asyncio.complaint"
LOG_TASK_DIED = "lifesign.task.died"
LOG_AGENT_WARNING = "lifesign.agent.warning"

# --- attributes of ours ------------------------------------------------------------------------
STATE = "lifesign.state"
EVENTLOOP = "lifesign.eventloop"  # which of the process, from 0 on
EVENTLOOP_STATE = "lifesign.eventloop.state"
EVENTLOOP_ACTIVE = "active"
EVENTLOOP_IDLE = "idle"
STATE_COUNT = "lifesign.state.count"
EVENT_NAME = "lifesign.event.name"
REASON = "lifesign.reason"
CHECKPOINT_NAME = "lifesign.checkpoint.name"
CHECKPOINT_NUMBER = "lifesign.checkpoint.number"
CHECKPOINT_TOTAL = "lifesign.checkpoint.total"
POSTCONDITION_NAME = "lifesign.postcondition.name"
POSTCONDITION_CRITICAL = "lifesign.postcondition.critical"
BOOT_OUTCOME = "lifesign.boot.outcome"
BOOT_MISSING = "lifesign.boot.missing"
DUMP_ID = "lifesign.task_dump.id"
DUMP_REASON = "lifesign.task_dump.reason"
DUMP_TASKS = "lifesign.task_dump.tasks"
DUMP_GROUPS = "lifesign.task_dump.groups"
DUMP_SAME_AS = "lifesign.task_dump.same_as"
DUMP_COUNTS = "lifesign.task_dump.counts"
DUMP_CYCLES = "lifesign.task_dump.cycles"
DUMP_FINISHED = "lifesign.task_dump.finished"
DUMP_GROUPS_OMITTED = "lifesign.task_dump.groups_omitted"
DUMP_THREADS = "lifesign.task_dump.threads"
DUMP_EXECUTORS = "lifesign.task_dump.executors"
THREADS_INDEX = "lifesign.thread_group.index"
THREADS_COUNT = "lifesign.thread_group.count"
THREADS_NAMES = "lifesign.thread_group.names"
THREADS_WAIT_FOR = "lifesign.thread_group.waits_for"
GROUP_INDEX = "lifesign.task_group.index"
GROUP_COUNT = "lifesign.task_group.count"
GROUP_NAMES = "lifesign.task_group.names"
GROUP_STATES = "lifesign.task_group.states"
GROUP_AWAITS = "lifesign.task_group.awaits"
GROUP_OLDEST = "lifesign.task_group.oldest"
GROUP_NEWEST = "lifesign.task_group.newest"
GROUP_ORIGIN = "lifesign.task_group.origin"
GROUP_WAITED = "lifesign.task_group.waited"
GROUP_TIME_LEFT = "lifesign.task_group.time_left"
GROUP_LOOKED = "lifesign.task_group.looked"
GROUP_WAITS_FOR = "lifesign.task_group.waits_for"
STALL_BUSY = "lifesign.stall.busy"
STALL_KIND = "lifesign.stall.kind"
STALL_COUNT = "lifesign.stall.count"
STALL_TIME = "lifesign.stall.time"
STALL_WORST = "lifesign.stall.worst"
STALL_COMPUTING = "lifesign.stall.computing"
STALL_THREAD = "lifesign.stall.thread"
BUSY_SAMPLES = "lifesign.busy.samples"
BUSY_IN_PLACE = "lifesign.busy.in_place"
TASK_NAME = "lifesign.task.name"
TASK_COROUTINE = "lifesign.task.coroutine"
TASK_REFERENCED = "lifesign.task.referenced"
TASKS_DIED = "lifesign.task.died.count"
COMPLAINTS = "lifesign.asyncio.complaint.count"
AGENT_WARNINGS = "lifesign.agent.warnings"
CAUSE = "lifesign.cause"  # the word of a cause; `judge.causes` has them all
DRY_RUN_TYPE = "lifesign.dry_run.type"
DRY_RUN_INDEX = "lifesign.dry_run.index"
DRY_RUN_ADJUSTED_COUNT = "lifesign.dry_run.adjusted_count"
DRY_RUN_OUTCOME = "lifesign.dry_run.outcome"
RUN_ID = "lifesign.run.id"  # in the process context
DROPPED_COUNT = "lifesign.records.dropped.count"
EXIT_CODE = "process.exit.code"  # development
EXIT_SIGNAL = "lifesign.process.exit.signal"

# --- attributes of the conventions ---------------------------------------------------------------
# Development; a rename to `synthetic.type` is proposed, hence it stands here and nowhere else.
SYNTHETIC_TYPE = "user_agent.synthetic.type"
SYNTHETIC_TEST = "test"
ERROR_TYPE = "error.type"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"
CODE_FUNCTION = "code.function.name"
CODE_FILE = "code.file.path"
CODE_LINE = "code.line.number"
CODE_STACKTRACE = "code.stacktrace"
LOG_UID = "log.record.uid"
THREAD_NAME = "thread.name"
CPU_MODE = "cpu.mode"
CONTEXT_SWITCH_TYPE = "process.context_switch.type"
PAGE_FAULT_TYPE = "system.paging.fault.type"
GC_GENERATION = "cpython.gc.generation"
FRAME_TYPE = "profile.frame.type"  # development
FRAME_PYTHON = "cpython"

# --- resource ------------------------------------------------------------------------------------
SERVICE_NAME = "service.name"
SERVICE_INSTANCE_ID = "service.instance.id"
DISTRO_NAME = "telemetry.distro.name"
DISTRO_VERSION = "telemetry.distro.version"
SDK_LANGUAGE = "telemetry.sdk.language"
PROCESS_PID = "process.pid"
PROCESS_CREATION_TIME = "process.creation.time"
PROCESS_COMMAND = "process.command"
PROCESS_EXECUTABLE_NAME = "process.executable.name"
PROCESS_RUNTIME_NAME = "process.runtime.name"
PROCESS_RUNTIME_VERSION = "process.runtime.version"
HOST_NAME = "host.name"

# --- the eight built-in checkpoints of every boot (5 and 6 exclude each other) ---------------------
CHECKPOINT_STARTED = "started"
CHECKPOINT_TIMEOUT = "timeout configured"
CHECKPOINT_BOOTING = "booting"
CHECKPOINT_WAITING = "waiting for first event"
CHECKPOINT_FIRST_EVENT = "first event received"
CHECKPOINT_TIMED_OUT = "timed out"
CHECKPOINT_POSTCONDITIONS = "post-conditions"
CHECKPOINT_COMPLETE = "complete"
CHECKPOINTS = (
    CHECKPOINT_STARTED,
    CHECKPOINT_TIMEOUT,
    CHECKPOINT_BOOTING,
    CHECKPOINT_WAITING,
    CHECKPOINT_FIRST_EVENT,
    CHECKPOINT_TIMED_OUT,
    CHECKPOINT_POSTCONDITIONS,
    CHECKPOINT_COMPLETE,
)
