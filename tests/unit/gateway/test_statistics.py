"""What the hub has counted, in Triton's words."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from modelyard.gateway.statistics import Statistics
from modelyard.telemetry.metrics.aggregate import Counted
from modelyard.telemetry.metrics.declarations import COMPUTE_DURATION, QUEUE_DURATION, REQUEST_DURATION, REQUESTS, ROWS
from modelyard.telemetry.metrics.snapshot import Histogram, Totals
from tests.unit.gateway.gate import entry

IRIS = ("iris", "1")
ENTRIES = {"iris": replace(entry("iris"), about={"versions": [{"version": "1", "digest": "sha256:0"}]})}
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


def statistics(running: frozenset[tuple[str, ...]] = frozenset()) -> Statistics:
    async def ask(models: Sequence[str]) -> Counted:
        assert list(models) == ["iris"]
        return Counted(TOTALS, running)

    return Statistics(ask)


def test_each_number_is_where_triton_has_it() -> None:
    [told] = asyncio.run(statistics().of_one("iris", "", ENTRIES))["model_stats"]
    assert (told["name"], told["version"]) == IRIS
    assert (told["inference_count"], told["execution_count"]) == (40, 4)
    spent = told["inference_stats"]
    assert spent["success"] == {"count": 7, "ns": 900}
    assert spent["fail"] == {"count": 4, "ns": 0}
    assert spent["queue"] == {"count": 8, "ns": 300}
    assert spent["compute_infer"] == {"count": 4, "ns": 500}
    assert spent["compute_input"] == spent["compute_output"] == {"count": 4, "ns": 0}
    assert asyncio.run(statistics().of_all(ENTRIES)) == {"model_stats": [told]}


def test_a_version_that_leaves_is_told_of_as_long_as_it_has_a_replica() -> None:
    told = asyncio.run(statistics(frozenset({("iris", "2"), IRIS})).of_one("iris", "", ENTRIES))["model_stats"]
    assert [(each["version"], each["inference_stats"]["success"]["count"]) for each in told] == [("2", 100), ("1", 7)]
