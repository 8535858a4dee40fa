"""Takes messages from Alertmanager as Slack would, and prints them: until there is a receiver of yours."""

import http.server
import json


class Inbox(http.server.BaseHTTPRequestHandler):
    """One message."""

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for part in message["attachments"]:
            print(part["title"], part["text"], sep="\n", flush=True)  # noqa: T201 - for kubectl logs
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args: object) -> None:
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 9095), Inbox).serve_forever()
