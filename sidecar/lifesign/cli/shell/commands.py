"""The commands, each with its manual: what it does, and how it is called."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

_SMOKE_CODES = "Exit codes: 0 alive, 1 an exception or a failed post-condition, 2 stalled, 3 usage or configuration."
_SHOWN_BY = "Without PROCESS it is about all processes in your run directories; it needs no sidecar."
_ANSWERED = "It is answered by the watchdog's thread of the process; 2 where that does not answer in time."


class Command(NamedTuple):
    """One command. `room` is the folder of its module, where that is not the folder of all."""

    does: str
    examples: tuple[tuple[str, str], ...]
    more: str = ""
    room: str = ""

    def manual(self, width: int) -> str:
        """What stands in its help above the options, in lines of at most so many columns where it can be."""
        prose = [f"{self.does[0].upper()}{self.does[1:]}.", self.more]
        column = max(len(line) for line, _ in self.examples)
        wide = column + max(len(meaning) for _, meaning in self.examples) + 4 <= width
        examples = [
            f"  {line:<{column}}  {meaning}".rstrip() if wide or not meaning else f"  {line}\n      {meaning}"
            for line, meaning in self.examples
        ]
        return "\n".join((*(textwrap.fill(text, width) for text in prose if text), "", "examples:", *examples))


COMMANDS = {
    "run": Command(
        "run a service with the agent inside and a sidecar beside it",
        (
            ("lifesign run -- python app.py", "and the page in the browser, at http://127.0.0.1:7317"),
            ("lifesign run --events order=5s -- uvicorn app:app", "silent where no order comes for 5 s"),
        ),
        "Exits with the status of CMD. With OTEL_EXPORTER_OTLP_ENDPOINT it exports, without it serves the page.",
    ),
    "watch": Command(
        "run the sidecar alone: watch every process in the run directory and export telemetry",
        (
            ("lifesign watch --dir /lifesign", "the entry point of the sidecar's container"),
            ("lifesign watch --health-addr 0.0.0.0:7318", "with endpoints for the kubelet's probes"),
        ),
    ),
    "smoke": Command(
        "boot a service, wait for its proof of life, run its post-conditions: is it alive? Answers by exit code",
        (
            ("lifesign smoke -- python app.py", "waits for the first lifesign.event() of CMD"),
            ("lifesign smoke --until tcp:8000 -- uvicorn app:app", "or for a port, or a URL that answers"),
            ("lifesign smoke --timeout 20 --report smoke.xml -- python app.py", "for a pipeline"),
        ),
        _SMOKE_CODES,
    ),
    "status": Command(
        "show state and vital signs of the watched processes",
        (
            ("lifesign status", "all of yours"),
            ("lifesign status shop --watch", "a service, again every 2 s"),
            ("lifesign status 4711 --json", "for a program"),
        ),
        f"And what each uses: memory, CPU time, threads, descriptors, garbage collections. {_SHOWN_BY}",
    ),
    "top": Command(
        "show the watched processes live, the worst first: sort, filter, ask why, dump",
        (
            ("lifesign top", "? shows the keys"),
            ("lifesign top shop --sort memory", "one service"),
            ("lifesign top --json | jq '.processes[] | {pid, cpu}'", "once, for a program"),
        ),
    ),
    "why": Command(
        "say what is wrong with the watched processes, and where, in one sentence each",
        (("lifesign why", "the ill ones first"), ("lifesign why shop --json", "with file, line and evidence")),
        _SHOWN_BY,
    ),
    "stalls": Command(
        "show what stalls the event loops of the watched processes, worst first, with its stack",
        (
            ("lifesign stalls", ""),
            ("lifesign stalls shop --speedscope stalls.json", "as a flame graph on https://www.speedscope.app"),
        ),
        "By your own function: how often, for how long, computing or waiting.",
    ),
    "dump": Command(
        "show all asyncio tasks of the watched processes, grouped by where they wait",
        (("lifesign dump 4711", "with sources"), ("lifesign dump shop --tree", "who awaits whom")),
        _ANSWERED,
    ),
    "events": Command(
        "show what has happened to the watched processes, the newest last",
        (("lifesign events", ""), ("lifesign events shop --follow", "and what happens next, until Ctrl-C")),
        "Checkpoints, checks, stalls, task dumps, complaints, illnesses and ends: as the sidecar knows them, which "
        "remembers a process for a day after its end, or, where none answers, what the processes have kept themselves.",
        room="past",
    ),
    "last": Command(
        "show the newest run that ended ill, as it was saved then",
        (("lifesign last", ""), ("lifesign last --list", "all that are saved")),
        room="past",
    ),
    "check": Command(
        "run the post-conditions of the watched processes now and show the results",
        (("lifesign check", ""), ("lifesign check shop && echo ready", "1 where a critical one does not hold")),
    ),
    "attach": Command(
        "bring the agent into a process that runs already, with no restart (Python 3.14 and newer)",
        (
            ("lifesign attach 4711", "then lifesign why, dump, status; lifesign detach 4711 takes it out again"),
            ("lifesign attach 4711 --for 60s", "for a minute; nothing is left behind"),
        ),
        "The agent starts between two instructions of the main thread: an idle event loop is woken for "
        "it, but a call in C, such as time.sleep, is waited for (--timeout), and named with its line where "
        "it does not return.",
        room="attaching",
    ),
    "detach": Command(
        "take the agent out of a process that it was attached to; nothing is left behind",
        (
            ("lifesign detach 4711", ""),
            ("lifesign detach 4711 --timeout 60", "whose event loop is blocked: the last timer ends when it turns"),
        ),
        room="attaching",
    ),
    "probe": Command(
        "liveness, readiness or startup probe of the watched processes; answers by exit code",
        (
            ("lifesign probe --live", "0 while every event loop beats, or else 1"),
            ("lifesign probe --ready --verbose", "and why"),
            ("lifesign probe --stopping", "in a preStop hook: what ends now was asked to"),
        ),
    ),
    "inject": Command(
        "copy the agent to a folder that another container puts on its PYTHONPATH",
        (
            ("lifesign inject /lifesign", "in an init container; prints PYTHONPATH=/lifesign/lifesign/agent/inject"),
            ("export $(lifesign inject /opt/lifesign)", "in a shell; the service needs LIFESIGN_DIR besides"),
        ),
    ),
    "demo": Command(
        "run the sample service, with letters and buttons on the page that make it ill",
        (
            ("lifesign demo", "press a button on the page, or type b"),
            ("lifesign demo --no-browser", "opens no browser"),
        ),
    ),
    "doctor": Command(
        "show the effective settings and what is wrong with them",
        (
            ("lifesign doctor", "of this shell"),
            ("lifesign doctor -- .venv/bin/python app.py", "and whether the agent gets into that Python"),
        ),
        "It tries the Collector, the run directory, the spool and the injection into the Python of CMD, and ends with "
        "what to do. Exit codes: 0 no problem found, 3 otherwise.",
    ),
    "completion": Command(
        "print what completes the command line in a shell",
        (
            ("lifesign completion bash > ~/.local/share/bash-completion/completions/lifesign", ""),
            ("lifesign completion zsh > ~/.zfunc/_lifesign", "with fpath+=~/.zfunc before compinit in .zshrc"),
            ("lifesign completion fish > ~/.config/fish/completions/lifesign.fish", ""),
        ),
        "It needs pip install 'lifesign[completion]'.",
        room="shell",
    ),
}
