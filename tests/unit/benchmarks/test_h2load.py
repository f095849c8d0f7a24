from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from benchmarks.h2load import call, parse
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
    return parse(OUTPUT.format(**{**GOOD, **changes}), times, duration_s=2, response_bytes=95)


def test_rates_are_per_second_and_latencies_of_calls_in_milliseconds() -> None:
    assert read() == Load(requests=1000, requests_per_s=500, p50_ms=1, p99_ms=pytest.approx(1.07))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"failed": 1, "succeeded": 999}, "1 failed with 999 calls succeeded"),
        ({"errored": 3}, "3 errored"),
        ({"ok": 999, "bad": 1}, "not all of them 2xx"),
        ({"total": 0, "succeeded": 0, "ok": 0}, "no responses"),
    ],
)
def test_one_failure_of_any_kind_fails_the_run(changes: dict[str, int], message: str) -> None:
    with pytest.raises(LoadError, match=message):
        read(**changes)


def test_calls_that_failed_in_their_trailers_are_found_by_their_missing_messages() -> None:
    with pytest.raises(LoadError, match="some calls failed"):
        read(data=95_000 - 95)


def test_unexpected_output_is_in_the_error() -> None:
    with pytest.raises(LoadError, match="could not connect"):
        parse("could not connect", [], duration_s=1, response_bytes=1)


class Service(grpc.GenericRpcHandler):
    """Every method returns its request, except one that fails."""

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
def request_(tmp_path: Path) -> Request:
    return write(tmp_path).call


def test_a_call_returns_the_message_without_its_frame(url: str, request_: Request) -> None:
    assert call(f"{url}/Echo", request_) == request_.body.read_bytes()[5:]


def test_a_call_that_fails_returns_none(url: str, request_: Request) -> None:
    assert call(f"{url}/Fail", request_) is None
    assert call(f"http://127.0.0.1:{free_port()}/x.Y/Echo", request_) is None
