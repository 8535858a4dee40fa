"""A run that ends ill leaves a file behind, and with --linger its page stays up until somebody has seen enough."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

from support.supervised import environment, run_line

CRASHES = """
import asyncio

async def main():
    await asyncio.sleep(1)
    raise ValueError("no price")

asyncio.run(main())
"""


def test_the_page_of_a_crash_stays_and_its_report_is_saved(tmp_path: Path) -> None:
    environ = environment(XDG_STATE_HOME=str(tmp_path / "state"), OTEL_SERVICE_NAME="shop")
    command = run_line([sys.executable, "-c", CRASHES], "--linger")
    run = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
    late = threading.Timer(60, run.kill)
    late.start()
    assert run.stderr is not None
    said = ""
    while "the page stays up at" not in said:
        line = run.stderr.readline()
        assert line, said
        said += line
    page = re.search(r"the page stays up at (http://\S+)/", said)
    assert page is not None
    with urllib.request.urlopen(f"{page[1]}/api/v1/processes", timeout=10) as answer:
        (row,) = json.load(answer)["data"]["rows"]
    assert (row["service"], row["state"], row["why"]) == ("shop", "dead", "uncaught ValueError: no price")
    run.send_signal(signal.SIGINT)
    assert run.wait() == 1, "the status of CMD"
    late.cancel()
    run.stderr.close()
    (saved,) = (tmp_path / "state" / "lifesign" / "reports").glob("*.html")
    assert f"is saved: {saved} (lifesign last shows it)" in said
    assert "ValueError: no price" in saved.read_text()
