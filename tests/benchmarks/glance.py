"""What the page shows first: each with its peer, and what we aim at."""

from __future__ import annotations

from benchmarks.page import Shown

_SDK = "in-process SDK"
_CALLS = (
    ("`event()`", "event(), counter.add()", "`counter.add()`", "10x"),
    ("`checkpoint()`", "checkpoint(), a span", "a span", "4x"),
    ("`with checkpoint()`", "with checkpoint(), with a current span", "with a current span", ""),
    ("a record in the ring", "a record in the ring, a log", "a log", "5x"),
    ("a beat", "a beat, a timer with histogram.record()", "a timer with `histogram.record()`", "3x"),
)
_IDLE = "{:.2f} % of a core"
_MIB = "{:.1f} MiB"

FIRST = (
    *(
        Shown(what + ", processor ns", "calls", "alone", "{python} " + row, "lifesign", "SDK", peer=peer, aim=aim)
        for what, row, peer, aim in _CALLS
    ),
    *(
        Shown(what + ", instructions", "instructions", "instructions", "{python} " + row, "lifesign", "SDK", peer=peer)
        for what, row, peer, _ in _CALLS
    ),
    Shown("... beyond a bare timer, instructions", "instructions", "beyond", "{python} a turn of a timer",
          "a beat adds", "histogram.record() adds", peer="`histogram.record()`"),
    Shown("idle service, 10 beats a second", "idle", "idle", "{python} service, lifesign, a beat every 0.1 s",
          "% of a core", theirs_row="{python} service, in-process SDK", form=_IDLE, peer=_SDK, aim="below the SDK's"),
    Shown("... ten bare timers a second", "idle", "idle", "{python} service, a bare timer every 0.1 s",
          "% of a core", form=_IDLE),
    Shown("sidecar of one idle service", "idle", "idle", "sidecar, one service", "% of a core",
          theirs_row="Collector, nobody sends", form=_IDLE, peer="an idle Collector", aim="0.2 %"),
    Shown("... its memory", "idle", "idle", "sidecar, one service", "MiB",
          theirs_row="Collector, nobody sends", form=_MIB, peer="an idle Collector", aim="30 MiB"),
    Shown("... with a dead Collector", "idle", "idle", "sidecar, one service, dead Collector", "% of a core",
          form=_IDLE),
    Shown("... its memory", "idle", "idle", "sidecar, one service, dead Collector", "MiB", form=_MIB, aim="40 MiB"),
    Shown("start of `pass`, processor added", "startup", "processor", "{python} pass", "lifesign", theirs="SDK",
          beyond="bare", form="{:.1f} ms", peer="the SDK with OTLP", aim="2 ms"),
    Shown("start of an asyncio program, processor added", "startup", "processor", "{python} asyncio", "lifesign",
          theirs="SDK", beyond="bare", form="{:.1f} ms", peer="the SDK with OTLP", aim="10 ms"),
    Shown("... memory added", "startup", "memory", "{python} asyncio", "lifesign", theirs="SDK", beyond="bare",
          form=_MIB, peer="the SDK with OTLP", aim="0.7 MiB"),
    Shown("... instructions added", "instructions", "instructions",
          "{python} start of an asyncio program, what it adds", "lifesign", theirs="SDK", peer="the SDK with OTLP"),
    Shown("dump of 100,000 tasks: longest pause", "dumps", "{python} longest", "100,000", "lifesign",
          "get_stack in the loop", form="{:,.1f} ms", peer="`get_stack` in the loop"),
    Shown("... round trips lost", "dumps", "{python} lost", "100,000", "lifesign", form="{:.0f} %", aim="10 %"),
    Shown("... what they differ by without a dump", "dumps", "{python} noise", "100,000", "lifesign", form="{:.0f} %"),
    Shown("... takes", "dumps", "{python} took", "100,000", "lifesign", form="{:.1f} s", aim="5 s"),
    Shown("uvicorn: requests a second of its processor time", "load", "requests", "{python}", "lifesign", "bare",
          peer="bare", aim="within the noise", rate=True),
    Shown("... beside OpenTelemetry", "load", "requests", "{python}", "lifesign", "OpenTelemetry",
          peer="`opentelemetry-instrument`", rate=True),
    Shown("records a second of one core, to the Collector", "delivery", "rates", "records", "lifesign", "SDK, spans",
          peer="the SDK's batch processor", rate=True),
    Shown("... beside a Collector", "delivery", "rates", "records", "lifesign", "Collector, file_log",
          peer="`file_log`", rate=True),
    Shown("100 records a second, written to disk on their way", "disk", "disk", "a Collector, 100 records a second",
          "sidecar, MB an hour", form="{:,.0f} MB an hour"),
    Shown("`time.sleep()` in the loop is known after", "detection", "seconds", "time.sleep", "record at the server",
          "liveness probe", form="{:.1f} s", peer="liveness probe", aim="3.5 s"),
)  # fmt: skip
