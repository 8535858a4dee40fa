"""The soak: ``make soak``, for ten minutes or as long as LIFESIGN_SOAK_SECONDS says.

It leaves table and picture in LIFESIGN_SOAK_OUTPUT, the current folder by default.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from soak import report
from soak.stage import STEP, stage

_EVERY = 5.0  # seconds between two samples


def main() -> int:
    """Returns 0 when the memory was flat."""
    seconds = float(os.environ.get("LIFESIGN_SOAK_SECONDS") or 600)
    output = Path(os.environ.get("LIFESIGN_SOAK_OUTPUT") or ".")
    moments: list[report.Moment] = []
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        tempfile.TemporaryDirectory(prefix="soak-", dir=memory) as run,
        stage(Path(folder), Path(run)) as playing,
    ):
        print(f"soaking for {seconds:.0f} s; sidecar {playing.sidecar.pid}, demo {playing.main.pid}", flush=True)
        began = due = time.monotonic()
        while (now := time.monotonic()) - began < seconds:
            moments.append(report.Moment(now - began, playing.samples(), playing.spooled()))
            if now >= due:
                playing.step()
                due = now + STEP
            time.sleep(_EVERY)
        print(f"{playing.crashes} crashes, {playing.outages} outages of the Collector")
    report.draw(moments, output / "soak.svg")
    return 0 if report.show(moments) else 1


if __name__ == "__main__":
    raise SystemExit(main())
