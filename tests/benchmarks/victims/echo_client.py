"""Round trips to an echo server, as many as go: usage: echo_client.py PORT CONNECTIONS FILE.

When its standard input ends it writes FILE: as many words of wall clock as of how long each trip took, in
nanoseconds.
"""

from __future__ import annotations

import array
import selectors
import socket
import sys
import time

stamps = array.array("q")
lengths = array.array("q")
payload = b"x" * 64

selector = selectors.DefaultSelector()
selector.register(sys.stdin, selectors.EVENT_READ, None)
for _ in range(int(sys.argv[2])):
    connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    selector.register(connection, selectors.EVENT_READ, [time.monotonic_ns()])
    connection.send(payload)
running = True
while running:
    for key, _ in selector.select():
        if key.data is None:
            running = False
            continue
        key.fileobj.recv(4096)  # type: ignore[union-attr]
        now = time.monotonic_ns()
        stamps.append(time.time_ns())
        lengths.append(now - key.data[0])
        key.data[0] = now
        key.fileobj.send(payload)  # type: ignore[union-attr]
with open(sys.argv[3], "wb") as file:
    stamps.tofile(file)
    lengths.tofile(file)
