"""The gate put together: the run directory, CMD with the agent inside, a sidecar where there is a Collector."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
from functools import partial
from typing import Sequence

from lifesign.cli.gate import listening, report
from lifesign.cli.gate.gate import Gate, Terms
from lifesign.cli.gate.verdict import STALLED, Outcome, with_causes, with_ports
from lifesign.cli.gate.view import Drawing
from lifesign.cli.options import arguments
from lifesign.cli.output.progress import Progress
from lifesign.cli.output.terminal import console, say
from lifesign.cli.query.request import Answer, ask_all, dumps
from lifesign.cli.query.target import living
from lifesign.cli.supervise import rundirectory
from lifesign.cli.supervise.launch import prepare, say_what_stays
from lifesign.cli.supervise.supervisor import Supervisor
from lifesign.cli.taskdump.view import causes_in, render
from lifesign.errors import CommandError, LifesignError, UsageError
from lifesign.export.otlp.targets import is_configured
from lifesign.judge.rundir import RunDirectory
from lifesign.parsing import UNTIL_EVENT
from lifesign.settings import BY_NAME, Settings
from lifesign.watch.once import poll_once
from lifesign.watch.sources import Sources
from lifesign.watch.telemetry import Snapshot
from lifesign.wire.folder import PulseError

_DUMP_SECONDS = 3.0  # to wait for the task dump of a stall


def pass_through(args: argparse.Namespace) -> int:
    """Runs ``lifesign smoke`` with parsed arguments; returns and raises as `smoke.main`."""
    for path in args.report:
        report.check(path)
    environ = dict(os.environ)
    given = arguments.given(args, environ)
    if not given.settings(environ).until:  # a gate always needs a proof of life
        environ[BY_NAME["until"].env] = UNTIL_EVENT
    settings = given.settings(environ)
    with contextlib.ExitStack() as stack:
        directory = rundirectory.make(settings.dir, stack)
        prepared = prepare(args.command, given, environ, directory, settings, watched=is_configured(environ))
        supervisor = Supervisor(args.command, *prepared, ends_process=args.ends_process)
        drawing = Drawing(console(stderr=True), args.command, settings.boot_timeout, _proof(settings))
        view = _BootView(directory, settings, drawing)
        terms = Terms(settings.until == UNTIL_EVENT, settings.boot_timeout, args.keep)
        gate = Gate(supervisor, terms, view.look, view.show)
        try:
            gate.run()
        except CommandError as error:
            raise UsageError(error.what, error.hint) from None
        if gate.outcome is None:
            raise LifesignError("smoke ended without a verdict", "the lines above say what broke")
        outcome = with_ports(view.explained(gate.outcome), view.ports)
        if gate.kept:
            stack.pop_all()  # the run directory stays with CMD
            there = shlex.quote(directory)
            say(
                f"CMD goes on as process {supervisor.pid}; lifesign status --dir {there}; kill {supervisor.pid} ends it"
            )
        else:
            say_what_stays(supervisor, environ, stack)
        view.conclude(outcome)
    groups = view.answer.groups if view.answer is not None else []
    for path in args.report:
        report.write(path, args.command, outcome, groups)
    return outcome.exit_code


def _proof(settings: Settings) -> str:
    until = settings.until
    return "a lifesign.event() of CMD" if until is None or isinstance(until, str) else until.label


class _BootView:
    """Polls CMD for the gate and shows its boot; a stall with its tasks."""

    def __init__(self, directory: str, settings: Settings, drawing: Drawing) -> None:
        self._directory = directory
        self._settings = settings
        self._drawing = drawing
        with contextlib.closing(RunDirectory(directory)) as run:
            self._others = set(run.names())  # that were there before CMD, and prove nothing about it
        self.answer: Answer | None = None
        self.ports: Sequence[int] = ()

    def look(self) -> Sequence[Snapshot]:
        return [one for one in poll_once(self._directory, self._settings, {}) if one.key not in self._others]

    def explained(self, outcome: Outcome) -> Outcome:
        """The outcome with what its task dump shows."""
        if self.answer is None:
            return outcome
        return with_causes(outcome, causes_in(self.answer), blocked=bool(self.answer.stalls))

    def conclude(self, outcome: Outcome) -> None:
        self._drawing.conclude(outcome)

    def show(self, processes: Sequence[Snapshot], outcome: Outcome | None) -> None:
        self._drawing.show(processes)
        if outcome is None or outcome.process is None:
            return
        self._drawing.waterfall(outcome.process)
        if outcome.verdict != STALLED:
            return
        pid = outcome.process.pid
        self.ports = listening.ports(pid)
        with contextlib.suppress(LifesignError, PulseError, OSError):
            with contextlib.closing(living(self._directory, pid)) as process, Progress() as progress:
                found = ask_all([process], partial(dumps, timeout=_DUMP_SECONDS), progress).get(process.key)
            if isinstance(found, Answer):
                self.answer = found
                console(stderr=True).print(render(process.named(), self.answer, Sources()), crop=False)
