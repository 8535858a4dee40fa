"""The sidecar, but that it buries whoever has ended at once: ``hasty.py watch ...``."""

from __future__ import annotations

import sys

from lifesign.cli.main import main
from lifesign.watch import watcher

watcher._KEEP_SECONDS = 0.0
sys.exit(main())
