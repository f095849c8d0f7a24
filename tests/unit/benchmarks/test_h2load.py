from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from benchmarks.h2load import ask, parse
from benchmarks.load import Load, LoadError, Request
from benchmarks.request_bodies import write
from benchmarks.subject_process import free_port

OUTPUT = """\
finished in 2.01s, 1368.00 req/s, 219.35KB/s
requests: {total} total, 1064 started, {total} done, {succeeded} succeeded, {failed} failed, {errored} errored, 0 timeout
status codes: {ok} 2xx, 0 3xx, 0 4xx, {bad} 5xx
traffic: 219.35KB (224614) total, 8.70KB (8904) headers (space savings 91.96%), 126.91KB ({data}) data
"""
GOOD = {"total": 1000, "succeeded": 1000, "failed": 0, "errored": 0, "ok": 1000, "bad": 0, "data": 95_000}


def read(**changes: int) -> Load:
    times = [1000] * 990 + [8000] * 10
    return parse(OUTPUT.format(**{**GOOD, **changes}), times, duration_s=2, answer_bytes=95)


def test_rates_are_by_second_and_latencies_in_milliseconds() -> None:
    assert read() == Load(requests=1000, requests_per_s=500, p50_ms=1, p99_ms=pytest.approx(1.07))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"failed": 1, "succeeded": 999}, "1 failed with 999 calls answered"),
        ({"errored": 3}, "3 errored"),
        ({"ok": 999, "bad": 1}, "not all of them 2xx"),
        ({"total": 0, "succeeded": 0, "ok": 0}, "no answers"),
    ],
)
def test_one_failure_of_any_kind_fails_the_run(changes: dict[str, int], said: str) -> None:
    with pytest.raises(LoadError, match=said):
        read(**changes)


def test_calls_that_failed_in_trailers_alone_are_found_by_the_messages_that_are_missing() -> None:
    with pytest.raises(LoadError, match="some calls have failed"):
        read(data=95_000 - 95)


def test_output_of_another_kind_is_shown() -> None:
    with pytest.raises(LoadError, match="could not connect"):
        parse("could not connect", [], duration_s=1, answer_bytes=1)


class Service(grpc.GenericRpcHandler):
    """Answers any method with its request, but for one that fails."""

    def service(self, details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(self.fail if details.method.endswith("Fail") else self.echo)

    def echo(self, message: bytes, context: Any) -> bytes:
        return message

    def fail(self, message: bytes, context: Any) -> bytes:
        context.abort(grpc.StatusCode.INTERNAL, "no")
        raise AssertionError("abort raises")


@pytest.fixture
def url() -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(1), handlers=[Service()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}/x.Y"
    server.stop(None).wait()


@pytest.fixture
def call(tmp_path: Path) -> Request:
    return write(tmp_path).call


def test_a_real_client_gets_the_message_without_its_frame(url: str, call: Request) -> None:
    assert ask(f"{url}/Echo", call) == call.body.read_bytes()[5:]


def test_a_call_that_fails_is_no_answer(url: str, call: Request) -> None:
    assert ask(f"{url}/Fail", call) is None
    assert ask(f"http://127.0.0.1:{free_port()}/x.Y/Echo", call) is None
