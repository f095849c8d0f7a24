"""The catalogue from the configured models and the status of Serve's applications."""

from typing import Any

from modelyard.gateway.catalogue import build_catalogue, required_not_ready
from modelyard.ray_serve.application import CatalogueEntry
from modelyard.ray_serve.application_status import Deployed
from tests.unit.control.models import catalogue as configured_models
from tests.unit.control.models import configured, refused, resolved

BROKEN = "A replica failed to start with exception. Retrying 1 more time(s). Error:\nActorDiedError()"
UP, LOADING, DOWN = (
    Deployed("RUNNING", {"RUNNING": 1}),
    Deployed("DEPLOYING", {}),
    Deployed("DEPLOY_FAILED", {}, BROKEN),
)


def models(*outcomes: Any) -> list[CatalogueEntry]:
    """The gateway's catalogue for these outcomes, as the control path writes it."""
    return [*configured_models(configured(*outcomes)).values()]


def test_a_model_with_a_running_replica_is_ready():
    (entry,) = build_catalogue(models(resolved("churn", "ba", description="Who leaves")), {"churn": UP}, {}).values()
    assert entry.as_json() == {
        "name": "churn",
        "state": "READY",
        "url": "/models/churn",
        "description": "Who leaves",
        "runtime": "onnx",
        "versions": [
            {"version": "2", "digest": f"sha256:{'b' * 64}"},
            {"version": "1", "digest": f"sha256:{'a' * 64}"},
        ],
        "default_version": "2",
        "version_labels": {},
    }


def test_a_model_that_failed_has_the_reason():
    (entry,) = build_catalogue(models(resolved()), {"churn": DOWN}, {}).values()
    assert (entry.state, entry.reason) == ("UNAVAILABLE", entry.as_json()["reason"])
    assert "out of memory, or killed" in entry.reason


def test_a_model_whose_new_files_were_rejected_has_that_reason_and_keeps_serving():
    kept = {"churn": configured(resolved())["applications"][1]}
    user_config = [*configured_models(configured(refused("no folder"), kept=kept)).values()]
    (entry,) = build_catalogue(user_config, {"churn": UP}, {}).values()
    assert (entry.state, entry.reason) == ("READY", "no folder")
    (entry,) = build_catalogue(models(refused("no folder")), {}, {}).values()
    assert (entry.state, entry.reason) == ("UNAVAILABLE", "no folder")


def test_a_model_without_an_application_is_unavailable():
    (entry,) = build_catalogue(models(resolved()), {}, {}).values()
    assert (entry.state, entry.reason) == ("UNAVAILABLE", "")


def test_applications_without_a_configured_model_are_ignored():
    assert list(build_catalogue(models(resolved()), {"churn": UP, "gateway": UP, "gone": UP}, {})) == ["churn"]


def test_the_server_waits_only_for_required_models():
    configured_ = models(
        resolved("up"),
        resolved("loading"),
        resolved("down"),
        resolved("optional", required=False),
        refused("no folder", "refused"),
        refused("no folder", "refused-optional", required=False),
    )
    entries = build_catalogue(configured_, {"up": UP, "loading": LOADING, "down": DOWN, "optional": DOWN}, {})
    assert required_not_ready(entries) == ["loading", "down", "refused"]
    assert required_not_ready({}) == []
