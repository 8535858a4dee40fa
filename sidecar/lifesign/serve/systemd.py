"""Answers systemd for a unit that runs `lifesign run`: ready when its boot is complete, alive while its loops turn.

The protocol is that of sd_notify(3). The sidecar speaks for the service, so that the unit needs ``NotifyAccess=all``.
"""

from __future__ import annotations

import logging
import math
import socket
from typing import Mapping, Sequence

from lifesign.judge.health import Health
from lifesign.watch.telemetry import Snapshot

_logger = logging.getLogger("lifesign.serve")

_STATUS_MAX = 200  # characters
_STATUS_SECONDS = 10.0  # between two of the same states: a reason says for how long already
_PARTS = 4  # so often within the time that systemd waits


class Systemd:
    """What systemd hears; nothing, where it listens on what this does not speak.

    Args:
        environ: has ``NOTIFY_SOCKET``, and ``WATCHDOG_USEC`` where it wants to hear more than once.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        name = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._pause = _microseconds(environ.get("WATCHDOG_USEC", "")) / 1e6 / _PARTS
        self.pause = self._pause or math.inf  # seconds between two of its calls, at most
        self._alive_until = 0.0
        self._is_ready = False
        self._states: list[str] = []
        self._status = ""
        self._status_until = 0.0

    def tell(self, processes: Sequence[Snapshot], booted: Health, lives: Health, now: float) -> None:
        """After each poll.

        Args:
            booted, lives: what the startup and the liveness probe of a pod would answer.
            now: seconds on the monotonic clock.
        """
        if not self._address.startswith(("/", "\0")):
            return
        words = []
        if booted.ok and not self._is_ready:
            self._is_ready = True
            words.append("READY=1")
        if lives.ok and self._pause and now >= self._alive_until:
            self._alive_until = now + self._pause
            words.append("WATCHDOG=1")
        states, status = [one.state for one in processes], _status(processes)
        if states != self._states or (status != self._status and now >= self._status_until):
            self._states, self._status, self._status_until = states, status, now + _STATUS_SECONDS
            words.append(f"STATUS={status}")
        if words:
            self._send("\n".join(words))

    def _send(self, text: str) -> None:
        try:
            with socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
            ) as sender:
                sender.sendto(text.encode(), self._address)
        except OSError as error:
            _logger.warning("lifesign: systemd does not hear %r: %s", text.partition("\n")[0], error)


def _status(processes: Sequence[Snapshot]) -> str:
    """One line, whatever the service wrote into it."""
    living = [one for one in processes if one.alive] or processes
    text = "; ".join(dict.fromkeys(f"{one.state}: {one.why}" if one.why else one.state for one in living))
    return "".join(c if c.isprintable() else " " for c in text)[:_STATUS_MAX]


def _microseconds(text: str) -> int:
    return int(text) if text.isdecimal() and text.isascii() else 0
