"""Post-mortems on disk: the newest few of this user, each as JSON and as an HTML file to read and to send."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from lifesign.judge import states
from lifesign.serve.board import ShownProcess
from lifesign.serve.detail import trimmed
from lifesign.serve.shown.postmortem import PostMortem, SavedProcess, as_html, post_mortem
from lifesign.serve.shown.rows import ORDER
from lifesign.settings import state_directory
from lifesign.watch.sources import Source
from lifesign.watch.telemetry import Snapshot
from lifesign.whole_file import write_whole

KEPT = 20
PROCESSES = 50  # of one run, the worst first


def directory(environ: Mapping[str, str]) -> Path:
    """Where they are."""
    return Path(state_directory(environ)) / "lifesign" / "reports"


def ended_ill(watched: Sequence[Snapshot]) -> bool:
    """Whether nothing lives any more, and something died a moment ago: what died before was replaced."""
    return not any(one.alive for one in watched) and any(one.state == states.DEAD for one in watched)


def collect(processes: Sequence[ShownProcess], source: Source) -> PostMortem:
    """What is known of processes now."""
    known = [(one, one.snapshot) for one in processes if one.snapshot is not None]
    known.sort(key=lambda pair: ORDER.index(pair[1].state))
    return post_mortem(
        [
            SavedProcess(
                process=trimmed(snapshot),
                resource=one.resource,
                stack=one.history.newest_stack(),
                history=one.history.entries(),
                tasks=one.dumps.view(source),
            )
            for one, snapshot in known[:PROCESSES]
        ],
        int(time.time() * 1000),
    )


def save(found: PostMortem, folder: Path) -> Path:
    """Writes both files and drops the oldest; returns the path of the page.

    Raises:
        OSError: they cannot be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    pid = found.processes[0].process.pid if found.processes else 0
    name = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(found.saved / 1000))}-{pid}"
    page = folder / f"{name}.html"
    # First what the old ones are found by.
    write_whole(folder / f"{name}.json", folder / f"{name}.json.part", msgspec.json.encode(found))
    write_whole(page, folder / f"{name}.html.part", as_html(found).encode("utf-8", "backslashreplace"))
    for old in sorted(folder.glob("*.json"))[:-KEPT]:
        for file in (old, old.with_suffix(".html")):
            with contextlib.suppress(OSError):
                file.unlink()
    return page
