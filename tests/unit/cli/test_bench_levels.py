"""The plan of a sweep, what makes a level doubtful, and which levels are skipped."""

import pytest

from modelyard.cli.bench.levels import (
    Level,
    LevelResult,
    ServerSide,
    duration,
    duration_range,
    levels_of,
    parse_numbers,
    reason_to_skip,
    server_side,
)
from modelyard.cli.bench.windows import Timing, Window


def result(
    in_flight: int = 4, rows: int | None = 1, latency_s: float = 0.01, count: int = 200, **more: object
) -> LevelResult:
    errors = more.pop("errors", {})
    window = Window(1.0, [latency_s] * count, errors)  # type: ignore[arg-type]
    return LevelResult(Level(in_flight, rows), window, **{"stable": True, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "numbers"), [("1,4,16", [1, 4, 16]), ("8", [8]), ("16, 4,4", [4, 16]), ("1024", [1024])]
)
def test_numbers_are_sorted_and_unique(text: str, numbers: list[int]):
    assert parse_numbers(text, 1024) == numbers


@pytest.mark.parametrize("text", ["", "a", "1,,2", "0", "-1", "1025", "1.5"])
def test_other_lists_are_rejected(text: str):
    with pytest.raises(ValueError, match=r"list of numbers|must be from 1 to 1024"):
        parse_numbers(text, 1024)


def test_levels_begin_with_the_lightest_of_each_number_of_rows():
    assert levels_of([1, 4], [1, 8]) == [Level(1, 1), Level(4, 1), Level(1, 8), Level(4, 8)]


def test_the_plan_has_a_shortest_and_a_longest_duration():
    assert duration_range(12, Timing(1.0, 10.0, 1.0)) == "0:48 to 2:24"
    assert [duration(seconds) for seconds in (0.4, 59.6, 61)] == ["0:00", "1:00", "1:01"]


def test_rows_per_second_are_those_sent_or_those_that_the_server_counted():
    assert result(rows=8).rows_per_s == 1600
    assert result(rows=None).rows_per_s is None
    assert result(rows=None, server=ServerSide(rows_per_request=2.5)).rows_per_s == 500


@pytest.mark.parametrize(
    ("more", "doubts"),
    [
        ({}, ()),
        ({"errors": {"503": 2, "429": 1}}, ("1 x 429", "2 x 503")),
        ({"stable": False}, ("unstable",)),
        ({"count": 50}, ("only 50 responses",)),
        ({"replicas": 2, "replicas_before": 1}, ("replicas 1 to 2",)),
    ],
)
def test_doubts_are_named(more: dict[str, object], doubts: tuple[str, ...]):
    assert result(**more).doubts == doubts  # type: ignore[arg-type]


def test_a_level_without_a_response_has_no_percentiles():
    empty = result(count=0, errors={"no response": 4})
    assert (empty.latencies, empty.p99_ms) == (None, float("inf"))
    assert empty.as_json()["latency_ms"] is None


def test_latencies_are_milliseconds_in_json():
    assert result(latency_s=0.0123).as_json()["latency_ms"] == {"p50": 12.3, "p90": 12.3, "p99": 12.3, "max": 12.3}


def test_after_errors_heavier_levels_of_the_same_rows_are_skipped():
    done = [result(4, 1, errors={"429": 1})]
    assert reason_to_skip(Level(16, 1), done, None) == "errors at 4 in flight"
    assert reason_to_skip(Level(16, 8), done, None) == ""
    assert reason_to_skip(Level(1, 1), done, None) == ""


def test_levels_above_one_whose_median_exceeds_the_limit_are_skipped():
    done = [result(4, 1, latency_s=0.03)]
    assert reason_to_skip(Level(16, 1), done, 20.0) == "p50 above the limit at 4 in flight"
    assert reason_to_skip(Level(16, 1), done, 30.0) == ""
    assert reason_to_skip(Level(16, 1), done, None) == ""


def test_the_servers_counters_give_batches_and_rows_per_request():
    before = {"rows": 10, "calls": 5, "requests": 10, "compute_ns": 0}
    after = {"rows": 110, "calls": 30, "requests": 60, "compute_ns": 500_000_000}
    assert server_side(before, after, 2.0) == ServerSide(4.0, 2.0, 0.25)
    assert server_side(before, before, 2.0) == ServerSide(None, None, 0.0)
    assert server_side(None, after, 2.0) == server_side(before, None, 2.0) == ServerSide()
