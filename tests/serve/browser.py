"""A page in a real browser: Chromium opens it, and the page posts its result to the server that it came from."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue

PATIENCE_S = 120
"""Chromium starts in one or two seconds on idle cores."""
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PAGE = """\
<!doctype html><meta charset="utf-8"><body><script>
const report = (text) => fetch("/report", {method: "POST", body: text});
onerror = (message) => report(`error: ${message}`);
onunhandledrejection = ({reason}) => report(`error: ${reason}`);
</script><script>
%s
</script><script>
%s
</script>
"""


def chromium() -> str:
    """The path in $CHROMIUM, the one that `make test` unpacks, or the one on the PATH."""
    unpacked = Path(sys.executable).with_name("chromium")
    found = os.environ.get("CHROMIUM") or (str(unpacked) if unpacked.exists() else shutil.which("chromium"))
    assert found, "there is no Chromium: run `make test`, or set $CHROMIUM to its path"
    return found


def text_from_page_at(port: int, script: str, last: str, host: str = "127.0.0.1") -> str:
    """Serve a page with two scripts at an origin, open it, and return the first text that it sends with `report(text)`."""
    texts: Queue[str] = Queue()
    with (
        _pages(port, PAGE % (script, last), texts),
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        command = [chromium(), *QUIET, f"--user-data-dir={profile}", f"http://{host}:{port}/"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return texts.get(timeout=PATIENCE_S)
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


@contextmanager
def _pages(port: int, page: str, texts: "Queue[str]") -> Iterator[None]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/"
            self.send_response(200 if found else 404)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode() if found else b"")

        def do_POST(self) -> None:
            texts.put(self.rfile.read(int(self.headers["content-length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Answer)
    server.daemon_threads = True
    server.block_on_close = False  # it would wait for connections that the browser keeps open
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
