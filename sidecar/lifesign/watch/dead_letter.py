"""Records that cannot be read are set aside for a person to inspect, within limits, and reported."""

from __future__ import annotations

import logging
import os
import time

import msgspec

_logger = logging.getLogger("lifesign.watch")
_FILE_BYTES_MAX = 1 << 20
_PAYLOAD_BYTES = 4096
_LOG_SECONDS = 60.0
_KEPT_MAX = 200  # records between two reports; a flood is counted, not written down


class DeadLetters:
    """Keeps the newest one or two mebibytes of them as lines of JSON in a file.

    Args:
        path: the file; the previous one gets the suffix ``.old``. None keeps nothing, but still reports.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._next_report = 0.0
        self._unreported = 0
        self._lines: list[bytes] = []  # that are not written down yet
        self.count = 0

    def keep(self, process: str, why: str, payload: bytes) -> None:
        """Sets one record aside, in memory until `write`. `process` is the name of its folder."""
        self.count += 1
        self._unreported += 1
        if self._path is not None and self._unreported <= _KEPT_MAX and len(self._lines) < _KEPT_MAX:
            self._lines.append(_line(process, why, payload))
        if time.monotonic() >= self._next_report:
            self._next_report = time.monotonic() + _LOG_SECONDS
            kept = f"; kept in {self._path}" if self._path else ""
            _logger.warning(
                "lifesign: %d record(s) cannot be read, newest in %s: %s%s",
                self._unreported, process, printable(why)[:200], kept,
            )  # fmt: skip
            self._unreported = 0

    @property
    def waiting(self) -> bool:
        """Whether there is something to write."""
        return bool(self._lines)

    def write(self) -> None:
        """Writes what was set aside. Blocks; what cannot be written is dropped."""
        lines, self._lines = self._lines, []
        try:
            for line in lines:
                self._append(line)
        except OSError as error:
            _logger.debug("lifesign: unreadable records could not be kept: %s", error)

    def _append(self, line: bytes) -> None:
        assert self._path is not None  # noqa: S101 - for the type checker; `keep` looked
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, line)
            full = os.fstat(descriptor).st_size > _FILE_BYTES_MAX
        finally:
            os.close(descriptor)
        if full:
            os.replace(self._path, f"{self._path}.old")


def _line(process: str, why: str, payload: bytes) -> bytes:
    line = {
        "at": time.time_ns(),
        "process": process,
        "why": why,
        "payload": payload[:_PAYLOAD_BYTES].decode("latin-1"),
    }
    return msgspec.json.encode(line) + b"\n"


def printable(text: str) -> str:
    """`text` without characters that could steer a terminal."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
