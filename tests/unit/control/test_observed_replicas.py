"""What is stored of replicas from one observation of Serve to the next."""

from typing import Any

import pytest

from modelyard.control.deaths import Evidence, RayCause, Replicas, Seen, cause_of
from modelyard.control.replica_starts import ReplicaStarts
from modelyard.control.status import Running


def observation(**replicas: dict[str, Any]) -> Running:
    """Replicas of `churn` by id, with Serve's details of each."""
    listed = [{"replica_id": name, "state": "RUNNING", **facts} for name, facts in replicas.items()]
    return Running({"churn": {"deployments": {"model": {"replicas": listed}}}})


NOTHING = observation()


def test_a_replica_that_is_gone_is_returned_once_with_all_that_was_seen_of_it():
    replicas = Replicas()
    assert replicas.observe(observation(a={"state": "STARTING"}, b={}), 1.0) == []
    assert replicas.seen["a"] == Seen("churn", "a", "", 0, was_running=False, stopping_since=None)
    assert replicas.observe(observation(a={"actor_id": "f00", "pid": 7}, b={}), 2.0) == []
    assert replicas.observe(observation(a={"actor_id": None, "pid": None, "state": "STOPPING"}, b={}), 3.0) == []
    assert replicas.observe(observation(a={"state": "STOPPING"}, b={}), 4.0) == []
    assert replicas.observe(observation(b={}), 5.0) == [
        Seen("churn", "a", "f00", 7, was_running=True, stopping_since=3.0)
    ]
    assert replicas.observe(observation(b={}), 6.0) == []
    assert [seen.replica for seen in replicas.observe(NOTHING, 7.0)] == ["b"]


def test_the_latest_process_of_a_replica_is_remembered():
    replicas = Replicas()
    replicas.observe(observation(a={"pid": 7}), 1.0)
    replicas.observe(observation(a={"pid": 8}), 2.0)
    assert replicas.seen["a"].pid == 8


def test_a_replica_that_only_started_or_stopped_was_not_running():
    replicas = Replicas()
    replicas.observe(observation(a={"state": "STARTING"}), 1.0)
    replicas.observe(observation(a={"state": "STOPPING"}), 2.0)
    assert replicas.observe(NOTHING, 3.0) == [Seen("churn", "a", "", 0, was_running=False, stopping_since=2.0)]


def test_the_gateways_replicas_are_not_observed():
    replicas = Replicas()
    replicas.observe(Running({"gateway": observation(a={}).applications["churn"]}), 1.0)
    assert replicas.seen == {}


def evidence(stopping_s: float = 0.0, ray: str = "RAY_KILL", message: str = "", **more: Any) -> Evidence:
    return Evidence(None, "", RayCause(ray, message), False, more.get("was_running", True), stopping_s)


@pytest.mark.parametrize(("stopping_s", "is_death"), [(0.0, True), (29.9, True), (30.0, False), (31.0, False)])
def test_a_replica_that_is_killed_after_half_a_minute_of_stopping_did_not_drain_in_time(
    stopping_s: float, is_death: bool
):
    cause = cause_of(evidence(stopping_s))
    assert (cause is not None and cause.reason == "health_check") is is_death


def test_a_long_message_of_rays_is_cut():
    cause = cause_of(evidence(ray="out_of_memory", message="x" * 400))
    assert cause is not None
    assert cause.detail.count("x") == 300


class Starts:
    """Observations of one model's replicas; each letter is a replica."""

    def __init__(self) -> None:
        self.starts = ReplicaStarts()

    def observe(self, replicas: str, target: int, through: bool = True, model: str = "churn") -> None:
        self.starts.observe(model, replicas, target, config="v1", through=through)

    def counts(self, model: str = "churn") -> dict[str, int]:
        return {reason: count for (name, reason), count in self.starts.counts.items() if name == model}


def test_only_as_many_replicas_as_were_requested_count_as_scaling():
    starts = Starts()
    starts.observe("a", 1)
    starts.observe("abc", 3)
    starts.observe("abcd", 3)
    assert starts.counts() == {"scale": 2, "replace": 1}


def test_an_unchanged_target_requests_no_replica():
    starts = Starts()
    for replicas in ("ab", "ab", "bc"):
        starts.observe(replicas, 2)
    assert starts.counts() == {"replace": 1}


def test_a_removed_model_starts_from_zero_and_the_others_do_not():
    starts = Starts()
    for model in ("churn", "iris"):
        starts.observe("a", 1, model=model)
    starts.starts.forget_all_but({"iris"})
    for model in ("churn", "iris"):
        starts.observe("b", 1, model=model)
    assert starts.counts("churn") == {}, "as at the first observation"
    assert starts.counts("iris") == {"replace": 1}
