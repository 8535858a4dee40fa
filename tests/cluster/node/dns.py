"""The names of a cluster: answers SERVICE.NAMESPACE.svc.cluster.local with what the API says, and knows no other name.

usage: python -m cluster.node.dns KUBECONFIG
"""

from __future__ import annotations

import socket
import struct
import sys
from pathlib import Path

from cluster.client import Client
from cluster.node.place import ADDRESS

_ADDRESS, _NO_SUCH_NAME = 1, 3
_TTL = 2


def answer(query: bytes, client: Client) -> bytes:
    """The message that answers one with a single question."""
    labels, at = [], 12
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    question = query[12 : at + 5]
    address = _find([label.lower() for label in labels], client)
    wanted = address if address and struct.unpack(">H", question[-4:-2])[0] == _ADDRESS else ""
    flags = 0x8580 | (0 if address else _NO_SUCH_NAME)  # an answer, by who must know, to one that may ask on
    header = query[:2] + struct.pack(">5H", flags, 1, 1 if wanted else 0, 0, 0)
    if not wanted:
        return header + question
    return header + question + struct.pack(">HHHIH", 0xC00C, _ADDRESS, 1, _TTL, 4) + socket.inet_aton(wanted)


def _find(labels: list[str], client: Client) -> str:
    if labels[2:] != ["svc", "cluster", "local"]:
        return ""
    found = client.get(f"/api/v1/namespaces/{labels[1]}/services/{labels[0]}")
    address = found.get("spec", {}).get("clusterIP", "")
    return address if address != "None" else ""


def main() -> None:
    client = Client(Path(sys.argv[1]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((ADDRESS, 53))
        while True:
            query, sender = server.recvfrom(512)
            try:
                server.sendto(answer(query, client), sender)
            except (OSError, IndexError, struct.error) as error:
                print(sender, error, flush=True)


if __name__ == "__main__":
    main()
