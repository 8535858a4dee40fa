"""A server of HTTP/2 that answers with scripted frames, right or wrong: what no gRPC library would send."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Callable, Iterable

from support.waiting import PATIENCE

_PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, ACK, END_HEADERS = 1, 1, 4

Frames = Callable[[int], Iterable[bytes]]  # of a stream


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def headers(stream: int, *pairs: tuple[str, str], end: bool = False) -> bytes:
    """Each as a literal without indexing, which needs no table."""
    block = b"".join(
        b"\0" + b"".join(_length(len(text)) + text for text in (name.encode(), value.encode())) for name, value in pairs
    )
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)


def message(stream: int, content: bytes, compressed: bool = False) -> bytes:
    """One gRPC message, in frames of the usual size."""
    whole = struct.pack("!BI", compressed, len(content)) + content
    return b"".join(frame(DATA, 0, stream, whole[start : start + 16384]) for start in range(0, len(whole), 16384))


def goaway(code: int, last: int = 0) -> bytes:
    return frame(GOAWAY, 0, 0, struct.pack("!II", last, code))


def _length(number: int) -> bytes:
    if number < 127:
        return bytes([number])
    encoded, number = [127], number - 127
    while number >= 128:
        encoded.append(number % 128 | 128)
        number //= 128
    return bytes([*encoded, number])


class FrameServer:
    """On a free port of loopback. Each request is answered with the next of `answers`, piece by piece.

    Args:
        answers: what is taken from this list is answered; when it is empty, the connection ends.
        drip: seconds between two pieces of an answer.
    """

    def __init__(self, answers: list[Frames], drip: float = 0.0) -> None:
        self._answers = answers
        self._drip = drip
        self._stopping = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def stop(self) -> None:
        self._stopping.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        # It may go at any time; and one that is quiet must not outlive the test.
        connection.settimeout(2)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or each second frame waits 40 ms for an ACK
        with connection, connection.makefile("rb") as reader, contextlib.suppress(OSError, struct.error):
            reader.read(_PREFACE)
            connection.sendall(frame(SETTINGS, 0, 0))
            while not self._stopping.is_set():
                head = reader.read(9)
                length, kind, flags, stream = (int.from_bytes(head[:3], "big"), *struct.unpack("!BBI", head[3:]))
                reader.read(length)
                if kind == SETTINGS and not flags & ACK:
                    connection.sendall(frame(SETTINGS, ACK, 0))
                if kind == DATA and flags & END_STREAM:
                    if not self._answers:
                        return
                    for piece in self._answers.pop(0)(stream):
                        connection.sendall(piece)
                        self._stopping.wait(self._drip)
