"""A receiver of webhooks for the client scripts: says yes to everything and remembers it. Only Python's standard library."""
import http.server
import json
import threading
import time


class Receiver:
    """Listens on this port of the loopback address until the script ends."""

    def __init__(self, port):
        self.url = f"http://localhost:{port}/hook"
        self.told = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                receiver.told.append((dict(self.headers.items()), body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def wait_for(self, fits, seconds=20):
        """The first notification whose headers (names in lower case) and body fit; the others may come before or after it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for headers, body in list(self.told):
                headers = {name.lower(): value for name, value in headers.items()}
                if fits(headers, body):
                    return headers, body
            time.sleep(0.02)
        raise AssertionError(f"not within {seconds} s; told was {self.told}")
