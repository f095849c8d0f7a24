"""Triton's model statistics from the hub's totals."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from modelyard.errors import ModelNotFound, ModelNotReady
from modelyard.gateway.model_statistics import ModelStatistics
from modelyard.telemetry.metrics.aggregator import ModelTotals
from modelyard.telemetry.metrics.declarations import COMPUTE_DURATION, QUEUE_DURATION, REQUEST_DURATION, REQUESTS, ROWS
from modelyard.telemetry.metrics.snapshot import Histogram, Totals
from tests.unit.gateway.gateway_client import entry

IRIS = ("iris", "1")
ENTRIES = {"iris": entry("iris", versions=[1])}
TOTALS = Totals(
    {
        (REQUESTS.name, *IRIS, "ok", "predict"): 5,
        (REQUESTS.name, *IRIS, "ok", "grpc"): 2,
        (REQUESTS.name, *IRIS, "invalid", "oip"): 3,
        (REQUESTS.name, *IRIS, "timeout", "oip"): 1,
        (REQUESTS.name, "iris", "2", "ok", "oip"): 100,
        (ROWS.name, *IRIS): 40,
    },
    {
        (REQUEST_DURATION.name, *IRIS): Histogram((7, 1), 900),
        (QUEUE_DURATION.name, *IRIS): Histogram((8, 0), 300),
        (COMPUTE_DURATION.name, *IRIS): Histogram((4, 0), 500),
    },
)


def statistics(running: frozenset[tuple[str, ...]] = frozenset()) -> ModelStatistics:
    async def get_totals(models: Sequence[str]) -> ModelTotals:
        assert list(models) == ["iris"]
        return ModelTotals(TOTALS, running)

    return ModelStatistics(get_totals)


def test_each_count_is_in_the_member_that_triton_has_for_it() -> None:
    [statistics_] = asyncio.run(statistics().of_one("iris", "", ENTRIES))["model_stats"]
    assert (statistics_["name"], statistics_["version"]) == IRIS
    assert (statistics_["inference_count"], statistics_["execution_count"]) == (40, 4)
    durations = statistics_["inference_stats"]
    assert durations["success"] == {"count": 7, "ns": 900}
    assert durations["fail"] == {"count": 4, "ns": 0}
    assert durations["queue"] == {"count": 8, "ns": 300}
    assert durations["compute_infer"] == {"count": 4, "ns": 500}
    assert durations["compute_input"] == durations["compute_output"] == {"count": 4, "ns": 0}
    assert asyncio.run(statistics().of_all(ENTRIES)) == {"model_stats": [statistics_]}


def test_a_removed_version_is_listed_while_it_has_a_replica() -> None:
    statistics_ = asyncio.run(statistics(frozenset({("iris", "2"), IRIS})).of_one("iris", "", ENTRIES))["model_stats"]
    assert [(each["version"], each["inference_stats"]["success"]["count"]) for each in statistics_] == [
        ("2", 100),
        ("1", 7),
    ]


def test_a_version_that_has_no_counts_yet_has_zeros() -> None:
    entries = {"iris": entry("iris", versions=[3, 1])}
    [idle] = asyncio.run(statistics().of_one("iris", "3", entries))["model_stats"]
    assert (idle["version"], idle["inference_count"], idle["execution_count"]) == ("3", 0, 0)
    assert {name: (each["count"], each["ns"]) for name, each in idle["inference_stats"].items()} == dict.fromkeys(
        idle["inference_stats"], (0, 0)
    )


def test_only_a_version_that_exists_of_a_model_that_is_ready_has_statistics() -> None:
    with pytest.raises(ModelNotFound, match="9"):
        asyncio.run(statistics().of_one("iris", "9", ENTRIES))
    with pytest.raises(ModelNotFound, match="wine"):
        asyncio.run(statistics().of_one("wine", "", ENTRIES))
    with pytest.raises(ModelNotReady, match="iris"):
        asyncio.run(statistics().of_one("iris", "1", {"iris": replace(ENTRIES["iris"], state="LOADING")}))


def test_the_replicas_of_other_models_add_no_versions() -> None:
    running = frozenset({("wine", "7"), IRIS})
    found = asyncio.run(statistics(running).of_one("iris", "", ENTRIES))["model_stats"]
    assert [each["version"] for each in found] == ["1"]
