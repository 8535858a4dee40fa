"""Lines of source code for a stack, where the sidecar can see the files that the main process runs."""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from typing import Callable

Source = Callable[[str, int], "str | None"]

_FILES_MAX = 64
_BYTES_MAX = 1 << 20
_LINE_CHARACTERS = 200
_AROUND = 2  # lines on either side of an excerpt's own


def no_source(file: str, line: int) -> str | None:
    """For a sidecar that sees different files than the main process, or must not show them."""
    return None


class Sources:
    """Reads source files, the newest few kept.

    A stack names files, and whoever writes the pulse could name any file. So only those that end in ``.py``
    are opened, and only a sidecar that runs as the same user on the same files, under ``lifesign run``, does
    this at all.
    """

    def __init__(self) -> None:
        self._files: OrderedDict[str, list[str]] = OrderedDict()

    def __call__(self, file: str, line: int) -> str | None:
        lines = self._lines(file)
        text = lines[line - 1].strip()[:_LINE_CHARACTERS] if 0 < line <= len(lines) else ""
        return text or None

    def excerpt(self, file: str, line: int) -> list[tuple[int, str]]:
        """The lines around one, as they are indented, with their numbers; nothing where that one is not there."""
        lines = self._lines(file)
        if not 0 < line <= len(lines):
            return []
        first = max(1, line - _AROUND)
        some = lines[first - 1 : line + _AROUND]
        return [(number, text.rstrip()[:_LINE_CHARACTERS]) for number, text in enumerate(some, first)]

    def _lines(self, file: str) -> list[str]:
        if not file.endswith(".py") or not os.path.isabs(file):
            return []
        lines = self._files.get(file)
        if lines is None:
            lines = self._files[file] = _read(file)
            if len(self._files) > _FILES_MAX:
                self._files.popitem(last=False)
        return lines


def _read(file: str) -> list[str]:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return []
    with open(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return []
        return opened.read(_BYTES_MAX).decode("utf-8", "replace").splitlines()
