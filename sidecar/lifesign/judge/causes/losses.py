"""Tasks that died, and tasks and coroutines that were lost: rows of the table of causes."""

from __future__ import annotations

from lifesign.judge import states
from lifesign.judge.causes.findings import Cause, Findings
from lifesign.judge.causes.phrases import ago, at, death

_ILL = (states.SILENT, states.DEGRADED)
_LOSSES_MAX = 3  # that are shown
_LOSSES = (("Task was destroyed", "task-destroyed"), ("coroutine ", "never-awaited"))


def died(findings: Findings) -> list[Cause]:
    """Tasks that died are worth a sentence in every state: what they were there for is not done any more."""
    made = []
    for one in findings.deaths[:_LOSSES_MAX]:
        times = f", {one['count']} times so far" if one["count"] > 1 else ""
        unasked = "; its exception has not been retrieved yet" if one["referenced"] else ""
        sentence = f"{death(one)}, {ago(findings.wall - one['at'])}{times}{unasked}"
        made.append(Cause("task-died", sentence, one["place"]))
    return made


def lost(findings: Findings) -> list[Cause]:
    """Tasks and coroutines that will not do their work, for nobody kept or awaited them."""
    if findings.state not in _ILL:
        return []
    made: list[Cause] = []
    for one in findings.complaints:
        word = next((word for said, word in _LOSSES if one["text"].startswith(said)), None)
        if word is not None and len(made) < _LOSSES_MAX:
            who = "" if one["function"] in one["text"] else f" ({one['task'] or 'a task'}: {one['function']})"
            sentence = f"{one['text'].rstrip('!')}{who}{at(one['place'])}, {ago(findings.wall - one['at'])}"
            made.append(Cause(word, sentence, one["place"]))
    return made
