"""Why a replica was started, from observations of Serve."""

import pytest

from modelyard.control.replica_starts import ReplicaStarts

Observation = tuple[str, int, str, bool]
"""Replicas (one letter each), target, configuration, whether no change is under way."""


def counted(*observations: Observation) -> dict[str, int]:
    """Starts by reason after these observations."""
    starts = ReplicaStarts()
    for replicas, target, config, through in observations:
        starts.observe("churn", replicas, target, config=config, through=through)
    return {reason: count for (_, reason), count in starts.counts.items()}


@pytest.mark.parametrize(
    ("observations", "reasons"),
    [
        pytest.param(
            [("", 1, "v1", False), ("a", 1, "v1", False), ("a", 1, "v1", True)], {"deploy": 1}, id="a new model"
        ),
        pytest.param(
            [("a", 1, "v1", True), ("ab", 1, "v2", False), ("b", 1, "v2", True)], {"deploy": 1}, id="an update"
        ),
        pytest.param([("a", 1, "v1", True), ("a", 2, "v1", False), ("ab", 2, "v1", True)], {"scale": 1}, id="one more"),
        pytest.param([("", 0, "v1", True), ("", 1, "v1", True), ("a", 1, "v1", True)], {"cold": 1}, id="from none"),
        pytest.param(
            [("", 0, "v1", True), ("", 1, "v1", True), ("a", 1, "v1", True), ("ab", 2, "v1", True)],
            {"cold": 1, "scale": 1},
            id="from none, and one more",
        ),
        pytest.param([("a", 1, "v1", True), ("", 1, "v1", True), ("b", 1, "v1", True)], {"replace": 1}, id="a death"),
        pytest.param(
            [("ab", 2, "v1", True), ("bc", 2, "v1", True)], {"replace": 1}, id="a death within one observation"
        ),
        pytest.param(
            [("a", 1, "v1", True), ("a", 3, "v1", True), ("a", 1, "v1", True), ("b", 1, "v1", True)],
            {"replace": 1},
            id="a death after a scale-up was reverted",
        ),
        pytest.param(
            [("", 1, "v1", False), ("a", 1, "v1", False), ("b", 1, "v1", False)], {"deploy": 2}, id="two tries"
        ),
        pytest.param(
            [("ab", 2, "v1", True), ("ab", 2, "v1", True)], {}, id="a server that was up before the first observation"
        ),
    ],
)
def test_the_reason_is_what_made_serve_start_it(observations: list[Observation], reasons: dict[str, int]):
    assert counted(*observations) == reasons


def test_the_counts_of_a_model_that_returns_continue():
    starts = ReplicaStarts()
    for number in range(2):
        starts.observe("churn", f"{number}", 1, config="v1", through=False)
        starts.forget_all_but([])
    assert starts.counts[("churn", "deploy")] == 2
