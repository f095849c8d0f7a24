"""What the control path relies on in Ray Serve: its schema accepts our config and returns it, and it reads our settings."""

import json
import re
import traceback
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.core.generated.common_pb2 import ActorDiedErrorContext
from ray.exceptions import ActorDiedError, RayTaskError
from ray.serve.schema import ApplicationDetails, ServeApplicationSchema, ServeDeploySchema

from modelyard.config.server_spec import ServerSpec
from modelyard.control.environment import EdgePorts, server_environment
from modelyard.control.paths import ServerPaths
from modelyard.control.plan import plan
from modelyard.control.pools import fold, unfold
from modelyard.control.status import Running
from modelyard.ray_serve.application_status import reason_in
from tests.unit.control.models import applications, configured, details, pool, refused, resolved

CONFIGS: dict[str, dict[str, Any]] = {
    "one model": configured(resolved()),
    "no model": configured(),
    "a range of replicas": configured(resolved(replicas={"min": 0, "max": 3, "target_in_flight": 2})),
    "a fixed number": configured(resolved(replicas=4)),
    "memory": configured(resolved(resources={"cpus": 0.25, "memory": "1GiB"})),
    "everything": configured(
        resolved("churn", "cba", options={"a": [1, {"b": None}], "é": 1.5}, labels=["x"], versions={"latest": 3}),
        resolved("iris", route="/who/is-it", description="Which iris"),
        refused("no folder", "fraud"),
        drain_s=0,
        ray={"address": "ray.example:6379"},
    ),
    "a pool without models": configured(pools=(pool("small", replicas={"min": 1, "max": 3}),)),
    "models in pools": configured(
        resolved("churn", "cba", pool="small", options={"a": [1, {"b": None}], "é": 1.5}, limits={"timeout_s": 3}),
        resolved("iris", pool="large", route="/who/is-it", pinned=True),
        resolved("alone"),
    ),
    "a model that leaves a pool": {
        **configured(resolved("churn"), pools=(pool("small"),)),
        "leaving": [applications(configured(resolved("churn", pool="small")))["churn"]],
    },
}


pytestmark = pytest.mark.filterwarnings(
    "ignore:The `metrics_interval_s` field:DeprecationWarning"
)  # see applications.py


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS)
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.param


def test_serve_gives_a_config_back_as_the_same_plain_values(config):
    folded = fold(config)
    given = ServeDeploySchema.model_validate(folded).model_dump(exclude_unset=True)
    assert given == folded
    assert json.loads(json.dumps(given)) == folded


def test_a_config_that_came_back_needs_no_change(config):
    given = ServeDeploySchema.model_validate(fold(config)).model_dump(exclude_unset=True)
    running = unfold(Running({name: details(each) for name, each in applications(given).items()}), {})
    assert plan(running.configs, config, pools=running.pool_configs) == ()
    assert [*running.leaving_configs.values()] == config["leaving"]


def test_the_details_of_the_tests_are_what_serve_would_give():
    config = applications(configured(resolved()))["churn"]
    result = details(config, "RUNNING", {"RUNNING": 1, "STARTING": 1}, "a message")
    for deployment in result["deployments"].values():
        for replica in deployment["replicas"]:
            replica |= {"start_time_s": 1.0}
    read = ApplicationDetails.model_validate(result)
    assert read.deployed_app_config == ServeApplicationSchema.model_validate(config)
    assert set(result) <= set(ApplicationDetails.model_fields)


def test_ray_has_every_setting_that_we_make():
    """Ray would silently ignore an unknown one."""
    environ = server_environment(
        ServerSpec(),
        ServerPaths(Path("/s"), Path("/r")),
        EdgePorts(1, 2, 3, 4),
        Path("/haproxy"),
        cores=2,
        files=20_000,
    )
    settings = {name for name in environ if name.startswith("RAY_")}
    source = Path(ray.__file__).parent
    texts = [path.read_text() for path in source.glob("**/_private/**/*.py")]
    texts += [path.read_text() for path in source.glob("_common/**/*.py")]
    known = set(re.findall(r"\bRAY_\w+", "\n".join(texts)))
    raylet = (
        source / "core" / "src" / "ray" / "raylet" / "raylet"
    ).read_bytes()  # Ray's own settings are in lower case
    known |= {name for name in settings if name.removeprefix("RAY_").islower() and name[4:].encode() in raylet}
    assert settings - known == set()


class LoadError(Exception):
    """An exception with the name of ours."""


def fail_to_load() -> None:
    try:
        raise OSError("disk")
    except OSError as error:
        raise LoadError("model.onnx is truncated\nit has 12 bytes") from error


def task_error(raised: BaseException, text: str) -> str:
    """What Serve makes of an exception in a replica's constructor (replica.py and deployment_state.py)."""
    wrapped = f"Traceback (most recent call last):\nRuntimeError: {text}"
    error = RayTaskError("init", wrapped, raised, proctitle="ray::ServeReplica:churn:model.init", pid=1, ip="127.0.0.1")
    return f"A replica failed to start with exception. Retrying 1 more time(s). Error:\n{error.as_instanceof_cause()}"


def test_the_reason_is_found_in_the_message_that_ray_makes_of_an_exception():
    try:
        fail_to_load()
    except LoadError as error:
        message = task_error(error, traceback.format_exc())
    assert reason_in(message) == "model.onnx is truncated\nit has 12 bytes"


def test_the_reason_is_found_in_rays_report_of_a_dead_replica():
    context = ActorDiedErrorContext(error_message="its worker process has died", actor_id=b"0" * 16)
    message = f"A replica failed to start with exception. Retrying 1 more time(s). Error:\n{ActorDiedError(context)!r}"
    assert "process died" in reason_in(message)
