"""A page with a button for each illness of the desk, served by a thread: it answers while the event loop is blocked."""

from __future__ import annotations

import html
import os
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Callable

from lifesign.demo.illnesses import ILLNESSES

HEADER = "X-Lifesign-Demo"  # no other site can send it without being asked whether it may, which is not answered
_POLL = 0.2  # seconds until it hears that it is closed
_PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "buttons.html")
_POLICY = (  # in a frame of another site somebody could be made to click
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Buttons:
    """Serves the page on a port of this machine.

    Args:
        press: called in a thread of its own with the letter of a button.
        page: the address of lifesign's own page.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, port: int, page: str, press: Callable[[str], None]) -> None:
        shown = _content(page).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self._is_for_us() and self.path == "/":
                    self._answer(HTTPStatus.OK, shown, "text/html; charset=utf-8")
                else:
                    self._answer(HTTPStatus.NOT_FOUND)

            def do_POST(self) -> None:
                letter = self.path[1:]
                if not self._is_for_us() or HEADER not in self.headers:
                    self._answer(HTTPStatus.FORBIDDEN)
                elif letter in ILLNESSES or letter == "r":
                    press(letter)
                    self._answer(HTTPStatus.NO_CONTENT)
                else:
                    self._answer(HTTPStatus.NOT_FOUND)

            def _is_for_us(self) -> bool:
                """A name of another site may lead here."""
                return self.headers.get("Host", "").rpartition(":")[0] in ("127.0.0.1", "localhost")

            def _answer(self, status: HTTPStatus, content: bytes = b"", kind: str = "text/plain") -> None:
                self.send_response(status)
                for name, value in (("Content-Type", kind), ("Content-Security-Policy", _POLICY)):
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, args=(_POLL,), name="buttons", daemon=True).start()

    def close(self) -> None:
        """It answers no more."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # the library's own asks the DNS for a name, which nothing here needs
        self.server_port = self.server_address[1]


def _content(page: str) -> str:
    rows = "\n".join(
        f'<li><button data-letter="{letter}"><kbd>{letter}</kbd> {html.escape(one.title)}</button>'
        f"<p>{html.escape(one.what)}</p><p class=look>Look at: {html.escape(one.look)}.</p></li>"
        for letter, one in ILLNESSES.items()
    )
    with open(_PAGE, encoding="utf-8") as file:
        return file.read().replace("{rows}", rows).replace("{page}", html.escape(page, quote=True))
