import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from benchmarks.load import Request
from benchmarks.subject_process import SubjectError, fetch, free_port, launch, responds_as_expected, wait_until
from benchmarks.subjects import Subject, Target


class Rival(BaseHTTPRequestHandler):
    """Responds with the label or the status 503 in the path."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(503 if self.path == "/503" else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"predictions": [self.path.strip("/")]}).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Rival) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    (tmp_path / "body").write_bytes(b"{}")
    return Request(tmp_path / "body", ("content-type: application/json",), json.loads, {"predictions": ["setosa"]})


def test_a_correct_response_means_ready_and_an_error_not_yet(url: str, request_: Request) -> None:
    assert responds_as_expected(Target("x", f"{url}/setosa", request_))
    assert not responds_as_expected(Target("x", f"{url}/503", request_))


def test_a_wrong_response_is_an_error(url: str, request_: Request) -> None:
    with pytest.raises(SubjectError, match="virginica"):
        responds_as_expected(Target("x", f"{url}/virginica", request_))


def test_a_refused_connection_has_status_0() -> None:
    assert fetch(f"http://127.0.0.1:{free_port()}/") == (0, b"")


def test_a_subject_that_ends_by_itself_is_reported_with_its_output(tmp_path: Path) -> None:
    program = "import sys; print('no model'); sys.exit(3)"
    process = launch(Subject((sys.executable, "-c", program)), tmp_path / "log")
    process.wait()
    with pytest.raises(SubjectError, match=r"(?s)ended with 3:\nno model"):
        wait_until(process, tmp_path / "log", lambda: False)


STOPPING = """
import subprocess, sys
from benchmarks.subject_process import launch, living_children, stop, wait_until
from benchmarks.subjects import Subject
from modelyard.control.process_tree import adopt_orphans
from pathlib import Path

adopt_orphans()
log = Path(sys.argv[1])
child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
program = parent if sys.argv[2] == "parent" else child
process = launch(Subject((sys.executable, "-c", program)), log)
wait_until(process, log, lambda: "up" in log.read_text())
stop(process, float(sys.argv[3]), grace_s=0)
print(living_children())
"""


@pytest.mark.parametrize(
    ("program", "timeout_s", "reported"), [("parent", 60, "left behind: python -c\n"), ("child", 0.1, "within 0.1 s\n")]
)
def test_a_process_that_ignores_sigterm_is_reported_and_killed(
    program: str, timeout_s: float, reported: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPING, str(tmp_path / "log"), program, str(timeout_s)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert reported in done.stderr
    assert done.stdout == "[]\n"
