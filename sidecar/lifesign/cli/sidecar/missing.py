"""Who is there and cannot be watched, and what to do about that."""

from __future__ import annotations

from typing import Iterator, Sequence

from lifesign.cli.supervise import descendants


def missing(path: str, run_id: str | None, others: Sequence[str], *, seen: bool) -> Iterator[str]:
    """A remark for each reason why a process that is there cannot be watched, or none is.

    Args:
        path: the run directory.
        run_id: of the CMD beside us.
        others: those whose agent is of another version.
        seen: whether any process is watched.
    """
    yield from others
    kept_out = descendants.kept_out(run_id) if run_id is not None and not seen else []
    if kept_out:
        pid, why = kept_out[0]
        yield f"process {pid} cannot be watched: {why}; or install lifesign in its environment"
    elif not seen and not others:
        yield (
            f"no process to watch has appeared in {path}; a program is seen when it is Python, "
            "runs an asyncio event loop, and was not started with -I, -E or -S"
        )
    out = descendants.locked_out(run_id, path) if run_id is not None else []
    if out:
        yield (
            f"process {out[0]} cannot be watched, as the user that it has become may not write to {path}: "
            f"chown it to that user, or leave out --dir, and CMD gets a run directory for every user"
        )
