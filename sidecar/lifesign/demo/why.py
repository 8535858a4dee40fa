"""Shows what ``lifesign why`` says of the demo, a moment after it has fallen ill."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time

# A process of its own, which the demo's event loop and its GIL do not hold up.
_PROGRAM = """
import os, sys, time
import lifesign.cli.query.request, lifesign.watch.once
from lifesign.cli.main import main
seconds, pid, directory, began = sys.argv[1:]
time.sleep(max(0, float(seconds) + float(began) - time.time()))
sys.stderr.write(f"demo: $ lifesign why {pid}\\n")
sys.stderr.flush()
os.dup2(2, 1)
sys.exit(main(["why", pid, "--dir", directory, "--timeout", "1"]))
"""
LATEST_S = 7.0  # by then every illness of the demo is one: it promises an order every 5 s
STANDSTILL_S = 3.7  # a standstill is one after 3 s, and over after 5


class Why:
    """Asks at most one question at a time, the newest; where nobody watches, none."""

    def __init__(self) -> None:
        self._directory = os.environ.get("LIFESIGN_DIR")
        self._asking: subprocess.Popen[bytes] | None = None

    def ask(self, seconds: float) -> None:
        """Prints the answer after so many seconds."""
        self.close()
        if not self._directory:
            return
        environ = {name: value for name, value in os.environ.items() if name != "LIFESIGN_DIR"}
        command = [sys.executable, "-c", _PROGRAM, str(seconds), str(os.getpid()), self._directory, str(time.time())]
        with contextlib.suppress(OSError):
            self._asking = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL)

    def close(self) -> None:
        """Forgets the question, where it has not been answered yet."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.terminate()
            asking.wait()
