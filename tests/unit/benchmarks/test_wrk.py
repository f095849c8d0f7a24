import json

import pytest

from benchmarks.load import Load, LoadError
from benchmarks.wrk import parse


def output(**changes: int) -> str:
    summary = {"requests": 1000, "duration_us": 500_000, "p50_us": 1500, "p99_us": 9250}
    errors = dict.fromkeys(["connect", "read", "write", "status", "timeout"], 0)
    return "Running 1s test\n  Requests/sec: 7\n" + json.dumps({**summary, **errors, **changes}) + "\n"


def test_rates_are_per_second_and_latencies_in_milliseconds() -> None:
    assert parse(output()) == Load(requests=1000, requests_per_s=2000, p50_ms=1.5, p99_ms=9.25)


@pytest.mark.parametrize("kind", ["connect", "read", "write", "status", "timeout"])
def test_one_error_of_any_kind_fails_the_run(kind: str) -> None:
    with pytest.raises(LoadError, match=f"1 {kind} errors with 1000 requests completed"):
        parse(output(**{kind: 1}))


def test_a_run_without_responses_fails() -> None:
    with pytest.raises(LoadError, match="no responses with 0 requests completed"):
        parse(output(requests=0))
