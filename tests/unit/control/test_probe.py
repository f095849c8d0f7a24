"""Requests for a model's description, over a real socket."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from modelyard.control.ports import free_ports
from modelyard.control.probe import ServerUrls, describe_model, example_curl, wait_reachable
from modelyard.control.status import ModelStatus


@contextmanager
def answering(answers: dict[str, bytes]) -> Iterator[str]:
    """A server that sends these complete responses, by path. Yields its origin."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(answers[self.path])
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ok(document: object) -> bytes:
    return b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(document).encode()


def status(name: str = "churn", state: str = "READY", replicas: int = 1, **more: str) -> ModelStatus:
    url = f"https://models.example/models/{name}/predict"
    return ModelStatus(name, state, ("1",), "", "onnx", replicas, 1, url, "", changing=False, **more)  # type: ignore[arg-type]


def in_pool(name: str = "churn", residency: str = "RESIDENT") -> ModelStatus:
    return status(name, pool="small", residency=residency)


def test_a_model_describes_itself():
    with answering({"/models/churn": ok({"curl": "curl it"})}) as origin:
        assert describe_model(ServerUrls(origin, "https://models.example"), status()) == {"curl": "curl it"}


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.0 503 Service Unavailable\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\n\r\n<html>",
        b"HTTP/1.0 200 OK\r\n\r\n\xff",
        b"HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\n{}",
        ok({"state": "LOADING"}),
        ok(["curl"]),
        ok(5),
    ],
)
def test_what_is_no_description_is_none(response):
    with answering({"/models/churn": response}) as origin:
        assert describe_model(ServerUrls(origin, "https://models.example"), status()) is None


def test_serve_finds_a_model_of_a_pool_by_the_route_of_the_pool():
    with answering({"/_pool.small/-/models/churn": ok({"curl": "curl it"})}) as origin:
        assert describe_model(ServerUrls(origin, "https://models.example"), in_pool()) == {"curl": "curl it"}


class Recorded(dict[str, bytes]):
    """Responses by path, and the paths that were requested."""

    def __init__(self, responses: dict[str, bytes]) -> None:
        super().__init__(responses)
        self.requested: list[str] = []

    def __getitem__(self, path: str) -> bytes:
        self.requested.append(path)
        return super().__getitem__(path)


def test_the_start_waits_for_one_model_of_each_pool_and_loads_none():
    page = ok({"curl": "curl it"})
    responses = Recorded({"/models/a": page, "/_pool.small/-/models/c": page})
    with answering(responses) as origin:
        rows = [status("a"), in_pool("b"), in_pool("c"), in_pool("d", "COLD"), status("e", replicas=0)]
        wait_reachable(ServerUrls(origin, "https://models.example"), rows, 30, threading.Event())
        assert responses.requested == ["/models/a", "/_pool.small/-/models/c"]
        assert example_curl(ServerUrls(origin, "https://models.example"), [in_pool("d", "COLD")]) == ""


def test_a_server_that_does_not_run_has_no_page():
    (port,) = free_ports(1)
    origin = f"http://127.0.0.1:{port}"
    assert describe_model(ServerUrls(origin, "https://models.example"), status()) is None


def test_the_line_to_paste_is_the_first_answering_models_own():
    answers = {
        "/models/b": ok({"state": "LOADING"}),
        "/models/c": ok({"curl": "curl c"}),
        "/models/d": ok({"curl": "no"}),
    }
    with answering(answers) as origin:
        rows = [
            status("a", state="LOADING"),
            status("z", replicas=0),
            *(status(name) for name in "bcd"),
        ]
        assert example_curl(ServerUrls(origin, "https://models.example"), rows) == "curl c"
        assert example_curl(ServerUrls(origin, "https://models.example"), rows[:2]) == ""
