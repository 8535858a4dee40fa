"""``python -m lifesign`` is the command ``lifesign``."""

from __future__ import annotations

import sys

from lifesign.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
