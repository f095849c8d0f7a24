"""Models without a replica in the catalogue: scaled to zero, waiting, or missing."""

import pytest

from modelyard.gateway.catalogue import (
    ModelEntry,
    build_catalogue,
    models_with_replicas,
    ready_names,
    required_not_ready,
)
from modelyard.ray_serve.application_status import WAITING_TO_LOAD, Deployed
from tests.unit.control.models import catalogue, configured, resolved
from tests.unit.gateway.gateway_client import entry

MODELS = [*catalogue(configured(resolved("churn"))).values()]


@pytest.mark.parametrize(
    ("deployed", "scaled_to_zero"),
    [
        (None, False),
        (Deployed("RUNNING", {"RUNNING": 1}), False),
        (Deployed("RUNNING", {}), True),
        (Deployed("RUNNING", {"STARTING": 1}), True),
        (Deployed("DEPLOYING", {}), False),
        (Deployed("DEPLOYING", {"STARTING": 1}), False),
    ],
)
def test_a_model_is_scaled_to_zero_if_it_runs_without_a_replica(deployed: Deployed | None, scaled_to_zero: bool):
    applications = {} if deployed is None else {"churn": deployed}
    assert build_catalogue(MODELS, applications, {})["churn"].scaled_to_zero is scaled_to_zero


def test_a_model_that_waits_for_others_is_loading_until_serve_has_it():
    waiting = [MODELS[0].amended(waiting=True)]
    found = build_catalogue(waiting, {}, {})["churn"]
    assert (found.state, found.reason) == ("LOADING", WAITING_TO_LOAD)
    found = build_catalogue(waiting, {"churn": Deployed("RUNNING", {"RUNNING": 1})}, {})["churn"]
    assert (found.state, found.reason) == ("READY", "")


def test_an_entry_has_replicas_unless_it_is_marked_as_scaled_to_zero():
    assert ModelEntry(MODELS[0], "READY").scaled_to_zero is False


def test_names_are_selected_by_state_and_replicas():
    entries = {
        each.name: each
        for each in (
            entry("up"),
            entry("asleep", scaled_to_zero=True),
            entry("loading", "LOADING"),
            entry("lost", "UNAVAILABLE", required=False),
            entry("odd", "LOADING", scaled_to_zero=True),
        )
    }
    assert ready_names(entries) == ["up", "asleep"]
    assert models_with_replicas(entries) == {"up": ["up"]}
    assert required_not_ready(entries) == ["loading", "odd"]
