"""The probes of a pod's main container, which a kubelet runs there every few seconds.

``python3 -S lifesign/ask.py --live 7318``: it asks the sidecar, which takes a few milliseconds. Only where the sidecar
does not answer does it judge the pulses itself, as `lifesign.probe` does, so that a sidecar that is down has no
container restarted. It imports next to nothing, and any Python 3 will do for that.

Where the sidecar says that the process is ill they are judged here as well: from this container a frozen process can be
asked for its stacks, and the reason gets into the kubelet's event.
"""

from __future__ import annotations

import _socket
import sys

_SECONDS = 1.0  # that the sidecar may take
_PATHS = {"--live": b"/app/livez", "--ready": b"/app/readyz", "--startup": b"/app/startupz"}
_ANSWERS = {b"200": 0, b"503": 1}


def ask(question: str, port: int) -> int | None:
    """The exit code that the sidecar's answer stands for; None where it gives none."""
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    try:
        connection.settimeout(_SECONDS)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET " + _PATHS[question] + b" HTTP/1.0\r\n\r\n")
        status = connection.recv(64).split(b" ")[1:2]
    except OSError:
        return None
    finally:
        connection.close()
    return _ANSWERS.get(status[0]) if status else None


def main(question: str, port: str) -> int:
    """Answers a question of the probe: the sidecar, or else the pulses."""
    answer = ask(question, int(port))
    ill = answer == 1 and question == "--live"
    if answer is not None and not ill:
        return answer
    try:
        from lifesign.probe import main as probe
    except (ImportError, SyntaxError):  # a Python older than the service's: nobody is killed for that
        return int(ill or question != "--live")
    if not ill:
        return probe([question])
    try:  # noqa: SIM105 - whatever comes of it, the sidecar has answered
        probe([question, "--verbose"])
    except Exception:  # noqa: BLE001, S110
        pass
    return 1


if __name__ == "__main__":
    sys.path[0] = __file__.rsplit("/", 2)[0]  # modules of ours must not stand before others of their names
    sys.exit(main(*sys.argv[1:]))
