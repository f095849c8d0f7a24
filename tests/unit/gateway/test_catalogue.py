"""The models as clients know them, from what is configured and what Serve says."""

from typing import Any

from modelyard.gateway.catalogue import catalogue, waiting_for
from modelyard.ray_serve.application_status import Deployed
from tests.unit.control.models import catalogue as configured_models
from tests.unit.control.models import configured, refused, resolved

BROKEN = "A replica failed to start with exception. Retrying 1 more time(s). Error:\nActorDiedError()"
UP, LOADING, DOWN = (
    Deployed("RUNNING", {"RUNNING": 1}),
    Deployed("DEPLOYING", {}),
    Deployed("DEPLOY_FAILED", {}, BROKEN),
)


def models(*outcomes: Any) -> list[dict[str, Any]]:
    """The gateway's user_config for these, as the control path makes it."""
    return [*configured_models(configured(*outcomes)).values()]


def test_a_model_that_serves_is_ready():
    (entry,) = catalogue(models(resolved("churn", "ba", description="Who leaves")), {"churn": UP}).values()
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


def test_a_model_that_failed_tells_why():
    (entry,) = catalogue(models(resolved()), {"churn": DOWN}).values()
    assert (entry.state, entry.reason) == ("UNAVAILABLE", entry.as_json()["reason"])
    assert "out of memory, or killed" in entry.reason


def test_a_model_whose_files_were_refused_tells_that_first_and_serves_on_where_it_can():
    kept = {"churn": configured(resolved())["applications"][1]}
    user_config = [*configured_models(configured(refused("no folder"), kept=kept)).values()]
    (entry,) = catalogue(user_config, {"churn": UP}).values()
    assert (entry.state, entry.reason) == ("READY", "no folder")
    (entry,) = catalogue(models(refused("no folder")), {}).values()
    assert (entry.state, entry.reason) == ("UNAVAILABLE", "no folder")


def test_a_model_that_serve_has_not_heard_of_yet_is_unavailable():
    (entry,) = catalogue(models(resolved()), {}).values()
    assert (entry.state, entry.reason) == ("UNAVAILABLE", "")


def test_applications_that_are_not_configured_are_nobodys_business():
    assert list(catalogue(models(resolved()), {"churn": UP, "gateway": UP, "gone": UP})) == ["churn"]


def test_the_server_waits_for_required_models_alone():
    wanted = models(
        resolved("up"),
        resolved("loading"),
        resolved("down"),
        resolved("optional", required=False),
        refused("no folder", "refused"),
        refused("no folder", "refused-optional", required=False),
    )
    entries = catalogue(wanted, {"up": UP, "loading": LOADING, "down": DOWN, "optional": DOWN})
    assert waiting_for(entries) == ["loading", "down", "refused"]
    assert waiting_for({}) == []
