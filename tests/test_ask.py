"""The probes that a kubelet runs in the main container: the sidecar answers, or else the pulses."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifesign import ask, probe


class Sidecar:
    """Answers every connection with the same bytes, and notes what was asked."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.answer = b""
        self.asked = b""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                self.asked = connection.recv(1000)
                if not self.asked:
                    return
                connection.sendall(self.answer)

    def close(self) -> None:
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()


@pytest.fixture(scope="module")
def sidecar() -> Iterator[Sidecar]:
    made = Sidecar()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("question", "path"), [("--live", b"/app/livez"), ("--ready", b"/app/readyz"), ("--startup", b"/app/startupz")]
)
def test_the_sidecar_answers(sidecar: Sidecar, question: str, path: bytes) -> None:
    for status, code in ((b"200 OK", 0), (b"503 Service Unavailable", 1)):
        sidecar.answer = b"HTTP/1.1 " + status + b"\r\n\r\nok"
        assert ask.main(question, str(sidecar.port)) == code
        assert sidecar.asked == b"GET " + path + b" HTTP/1.0\r\n\r\n"


def test_an_illness_that_the_sidecar_reports_is_looked_at_here_too(
    sidecar: Sidecar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    sidecar.answer = b"HTTP/1.1 503 Service Unavailable\r\n\r\nfailed"
    monkeypatch.setenv("LIFESIGN_DIR", str(tmp_path))
    assert ask.main("--live", str(sidecar.port)) == 1
    assert capfd.readouterr().out == "[+] app ok: no process is watched yet\nok\n"  # which the exit code overrules
    assert ask.main("--ready", str(sidecar.port)) == 1
    assert capfd.readouterr().out == ""
    monkeypatch.setattr(probe, "main", lambda arguments: 1 // 0)
    assert ask.main("--live", str(sidecar.port)) == 1


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 404 Not Found\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_where_it_gives_no_answer_the_pulses_do(
    sidecar: Sidecar, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(probe, "main", lambda argv: asked.append(argv) or 1)
    sidecar.answer = answer
    assert ask.main("--ready", str(sidecar.port)) == 1
    assert asked == [["--ready"]]


def test_a_sidecar_that_is_down_has_nobody_restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFESIGN_DIR", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert ask.main("--live", str(port)) == 0
    assert ask.main("--startup", str(port)) == 1, "nobody has booted there"


@pytest.mark.parametrize(("question", "code"), [("--live", 0), ("--startup", 1)])
def test_a_python_that_cannot_look_kills_nobody(
    monkeypatch: pytest.MonkeyPatch, sidecar: Sidecar, question: str, code: int
) -> None:
    monkeypatch.setitem(sys.modules, "lifesign.probe", None)
    sidecar.answer = b""
    assert ask.main(question, str(sidecar.port)) == code


def test_as_a_kubelet_runs_it(sidecar: Sidecar) -> None:
    sidecar.answer = b"HTTP/1.1 503 Service Unavailable\r\n\r\n"
    command = [sys.executable, "-S", ask.__file__, "--live", str(sidecar.port)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1
