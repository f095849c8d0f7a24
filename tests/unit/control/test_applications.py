"""One application for each model: what restarts it, what does not, and what stays after an error."""

from pathlib import Path
from typing import Any

import pytest

from modelyard.config.load import Config
from modelyard.config.server_spec import ServerSpec
from modelyard.control.applications import edge_models, serve_config
from modelyard.control.serve_config import versions_of
from modelyard.edge.model_maps import EdgeModel
from modelyard.ray_serve.application import ModelArgs, ModelSettings, RequestLogArgs
from modelyard.repository.resolve import Rejected, ServedVersion
from tests.unit.control.models import (
    ROOT,
    application,
    applications,
    catalogue,
    configured,
    deployment,
    pool,
    refused,
    resolved,
    spec,
)

RESTARTING: list[dict[str, Any]] = [
    {"digests": "b"},
    {"digests": "ab"},
    {"runtime": "sklearn"},
    {"path": "elsewhere"},
    {"route": "/predict/churn"},
    {"versions": "all"},
    {"trusted": True},
    {"any_sklearn_version": True},
    {"compiled": "off"},
    {"batching": {"max_size": 128}},
    {"batching": {"independent_rows": True}},
    {"retry": "never"},
    {"resources": {"cpus": 2}},
    {"resources": {"memory": 2**30}},
    {"load_timeout_s": 1.0},
    {"labels": ["no", "yes"]},
    {"inputs": {"age": "FP64"}},
    {"rows": False},
    {"options": {"beam": [1, {"width": 2.5}]}},
]


@pytest.mark.parametrize("change", RESTARTING, ids=str)
def test_what_could_change_an_answer_is_in_the_args(change):
    assert application(resolved(**change))["args"] != application(resolved())["args"]


@pytest.mark.parametrize(
    "change",
    [
        {"replicas": 3},
        {"replicas": {"min": 0, "max": 2}},
        {"required": False},
        {"description": "Who leaves"},
        {"default": 1},
        {"version_labels": {"stable": 1}},
        {"limits": {"queue": 1, "timeout_s": 1.5, "body": 2000}},
        {"batching": {"max_delay_ms": 2}},
    ],
    ids=str,
)
def test_what_cannot_change_an_answer_is_not_in_the_args(change):
    assert application(resolved(**change))["args"] == application(resolved())["args"]


@pytest.mark.parametrize(
    "written",
    [{"runtime": "onnx"}, {"path": "churn"}, {"route": "/models/churn"}, {"limits": {"queue": 256}}, {"labels": []}],
    ids=str,
)
def test_writing_a_default_or_inferred_value_into_the_file_changes_nothing(written):
    made = {key: value for key, value in written.items() if key != "runtime"}
    explicit = resolved(**made)
    if "runtime" in written:
        explicit = type(explicit)(spec(runtime="onnx"), "onnx", explicit.versions)
    assert application(explicit) == application(resolved())


def proved_size(now: dict[str, Any], then: dict[str, Any]) -> int:
    """The batch size in the args of a model that was configured as `then` and runs, and is configured as `now`."""
    ran = {"churn": application(resolved(**then))}
    config = applications(configured(resolved(**now), kept=ran))["churn"]
    size: int = config["args"]["spec"]["batching"]["max_size"]
    return size


@pytest.mark.parametrize(
    ("then", "now", "size"),
    [
        ({}, {"batching": {"max_size": 8}}, 64),
        ({}, {"batching": {"max_size": 1}}, 64),
        ({}, {"batching": {"max_size": 128}}, 128),
        ({"batching": {"max_size": 1}}, {}, 64),
        ({}, {"batching": {"max_size": 8}, "limits": {"queue": 1}}, 64),
        ({}, {"batching": {"max_size": 8}, "digests": "b"}, 8),
        ({}, {"batching": {"max_size": 8}, "resources": {"memory": "512MiB"}}, 8),
    ],
)
def test_replicas_that_keep_running_keep_the_batch_size_that_they_have_proved(then, now, size):
    assert proved_size(now, then) == size


def test_the_size_that_is_proved_is_that_of_the_application_that_answered_last():
    """An application that is being tried, and that would be rolled back, has proved nothing."""
    tried, good = ({"churn": application(resolved(batching={"max_size": size}))} for size in (256, 64))
    config = configured(resolved(batching={"max_size": 32}), kept=tried, good=good)
    assert applications(config)["churn"]["args"] == good["churn"]["args"]


def test_a_replica_never_makes_a_larger_batch_than_it_has_proved():
    args = ModelArgs.from_plain(application(resolved(batching={"max_size": 8}))["args"])
    settings = ModelSettings.from_plain(deployment(application(resolved()))["user_config"])
    assert settings.applied_to(args.spec).batching.max_size == 8


def test_a_replica_reads_the_spec_back_from_the_args():
    keys = {
        "path": "a/b",
        "route": "/x/y",
        "versions": [1, 3],
        "labels": ["a", "b"],
        "inputs": {"age": "FP64", "at": "DATETIME"},
        "rows": False,
        "options": {"a": [1, {"b": None}]},
        "resources": {"cpus": 0.5, "memory": "512MiB"},
        "limits": {"body": "1KiB"},
        "batching": {"max_delay_ms": 2},
        "trusted": True,
    }
    written = application(resolved(**keys))
    args = ModelArgs.from_plain(written["args"])
    settings = ModelSettings.from_plain(deployment(written)["user_config"])
    assert settings.applied_to(args.spec) == spec(**keys, runtime="onnx")


def test_the_class_of_a_python_model_is_what_its_file_says():
    args = application(resolved(runtime="python"))["args"]
    assert (args["runtime"], args["spec"]["runtime"]) == ("python", "python")
    model = resolved(runtime="python")
    with_class = type(model)(spec(runtime="python:model:Model"), "python", model.versions)
    assert application(with_class)["args"]["spec"]["runtime"] == "python:model:Model"


@pytest.mark.parametrize(
    ("replicas", "expected"),
    [(1, {"num_replicas": 1}), (4, {"num_replicas": 4}), ({"min": 2}, {"num_replicas": 2})],
)
def test_a_fixed_number_of_replicas_does_not_autoscale(replicas, expected):
    options = deployment(application(resolved(replicas=replicas)))
    assert expected.items() <= options.items()
    assert "autoscaling_config" not in options


def test_a_range_of_replicas_follows_the_load_between_its_bounds():
    options = deployment(application(resolved(replicas={"min": 0, "max": 5, "target_in_flight": 3})))
    bounds = {"min_replicas": 0, "max_replicas": 5, "target_ongoing_requests": 3.0}
    assert bounds.items() <= options["autoscaling_config"].items()
    assert "num_replicas" not in options


def test_a_replica_reserves_what_its_spec_says():
    options = deployment(application(resolved(resources={"cpus": 0.5, "memory": "1GiB"})))["ray_actor_options"]
    assert options == {"num_cpus": 0.5, "memory": 2**30}
    assert set(deployment(application(resolved()))["ray_actor_options"]) == {"num_cpus"}


def test_new_replicas_start_before_old_ones_stop():
    for each in applications(configured(resolved())).values():
        assert deployment(each)["max_surge_percent"] == 100


def test_an_old_replica_may_finish_for_longer_than_the_edge_takes_to_drop_it():
    assert deployment(application(resolved(), drain_s=100.0))["graceful_shutdown_timeout_s"] > 100


@pytest.mark.parametrize(("address", "location"), [("local", "HeadOnly"), ("ray.example:6379", "EveryNode")])
def test_a_cluster_has_a_proxy_on_every_node(address, location):
    assert configured(ray={"address": address})["proxy_location"] == location


def test_the_gateway_has_the_root_and_an_entry_for_every_model():
    config = configured(resolved("churn", "ba", description="Who leaves", required=False), resolved("iris"))
    assert applications(config)["gateway"]["route_prefix"] == "/"
    assert list(catalogue(config)) == ["churn", "iris"]
    assert deployment(applications(config)["gateway"])["user_config"]["models"][0] == {
        "name": "churn",
        "route": "/models/churn",
        "required": False,
        "description": "Who leaves",
        "refused": "",
        "waiting": False,
        "served": {
            "route": "/models/churn",
            "runtime": "onnx",
            "versions": [
                {"number": 2, "digest": f"sha256:{'b' * 64}"},
                {"number": 1, "digest": f"sha256:{'a' * 64}"},
            ],
            "default": 2,
            "version_labels": {},
            "application": "churn",
            "fingerprint": "",
        },
    }


def test_the_gateway_does_not_restart_for_a_change_of_models():
    before, after = (applications(configured(resolved(name)))["gateway"] for name in ("churn", "iris"))
    assert before["args"] == after["args"]
    assert before != after


def test_a_rejected_model_that_never_ran_has_no_application_and_its_reason_in_the_catalogue():
    config = configured(refused("there is no folder churn", route="/who", required=False))
    assert list(applications(config)) == ["gateway"]
    entry = catalogue(config)["churn"]
    assert entry.refused == "there is no folder churn"
    assert (entry.url_path, entry.required) == ("/who", False)
    assert entry.served is None


def test_a_rejected_model_keeps_its_application():
    ran = application(resolved("churn", "a"))
    config = configured(refused("no folder", route="/new"), kept={"churn": ran, "removed": ran})
    assert applications(config) == {"gateway": applications(config)["gateway"], "churn": ran}
    entry = catalogue(config)["churn"]
    assert entry.url_path == "/models/churn", "the route of its application, not that of its file"
    assert entry.served is not None
    assert entry.served.versions == (ServedVersion(1, f"sha256:{'a' * 64}"),)


def test_a_rejected_model_loses_its_application_if_another_model_has_its_route_now():
    kept = {"churn": application(resolved("churn", route="/who"))}
    config = configured(resolved("leavers", route="/who"), refused("no folder", route="/why"), kept=kept)
    routes = [each["route_prefix"] for each in config["applications"]]
    assert sorted(routes) == ["/", "/who"]
    assert catalogue(config)["churn"].url_path == "/why"


LIFECYCLE = {
    "max_surge_percent": 100,
    "graceful_shutdown_wait_loop_s": 0.5,
    "graceful_shutdown_timeout_s": 65.0,
    "max_ongoing_requests": 1_000_000,
}


def test_serve_checks_and_scales_a_model_by_these_numbers():
    options = deployment(application(resolved(replicas={"min": 1, "max": 5}), drain_s=5.0))
    scaling = options.pop("autoscaling_config")
    assert (options.pop("name"), options.pop("user_config")["default"]) == ("model", 1)
    assert options == LIFECYCLE | {
        "ray_actor_options": {"num_cpus": 0.1},
        "health_check_period_s": 5.0,
        "health_check_timeout_s": 15.0,
    }
    assert scaling == {
        "min_replicas": 1,
        "max_replicas": 5,
        "target_ongoing_requests": scaling["target_ongoing_requests"],
        "upscale_delay_s": 2.0,
        "downscale_delay_s": 60.0,
        "look_back_period_s": 4.0,
        "metrics_interval_s": 1.0,
    }
    fixed = deployment(application(resolved(replicas=2), drain_s=5.0))
    assert LIFECYCLE.items() <= fixed.items()


def test_the_gateway_has_one_replica_and_reserves_nothing():
    gateway = applications(configured(drain_s=5.0, body="1KiB"))["gateway"]
    assert gateway["args"] == {"body_limit": 1024}
    options = {
        "name": "gateway",
        "num_replicas": 1,
        "user_config": {"models": []},
        "ray_actor_options": {"num_cpus": 0},
    }
    assert deployment(gateway) == LIFECYCLE | options


@pytest.mark.parametrize(("address", "local"), [("local", True), ("ray.example:6379", False)])
def test_a_replica_writes_its_files_below_the_state_folder(address: str, local: bool):
    args = ModelArgs.from_plain(
        application(
            resolved(), ray={"address": address}, request_log={"requests": "sampled", "sample": 0.25, "slow_s": 2.0}
        )["args"]
    )
    state = ROOT / ".modelyard"
    assert args.replicas == state / ("replicas" if local else "cluster-replicas")
    assert args.request_log == RequestLogArgs(folder=state / "requests", share=0.25, slow_s=2.0, behind_edge=local)


def test_the_edge_knows_the_route_time_limit_and_retries_of_each_model():
    config = configured(
        resolved("churn", route="/who", limits={"timeout_s": 1.5}, retry="never"),
        resolved("iris"),
        refused("no", "zen"),
    )
    assert edge_models(config) == {
        "churn": EdgeModel("/who", timeout_s=1.5, retries=False),
        "iris": EdgeModel("/models/iris", timeout_s=10.0, retries=True),
    }


@pytest.mark.parametrize(
    ("replicas", "above"),
    [(2, 4), ({"max": 3}, 4), ({"max": 3, "target_in_flight": 12}, 6), ({"max": 3, "target_in_flight": 0.5}, 1)],
)
def test_a_busy_model_of_a_pool_uses_all_replicas_above_half_the_target_of_one(replicas, above):
    config = configured(resolved("churn", pool="small"), pools=[pool(replicas=replicas)])
    assert edge_models(config)["churn"] == EdgeModel("/models/churn", pool="_pool.small", spread_above=above)


def test_a_pinned_model_keeps_its_application_whatever_its_file_says():
    pinned = application(resolved("churn", "b"))
    sources = {name: Path(f"{name}.yaml") for name in ("churn", "iris")}
    config = Config(ServerSpec(), (spec("churn"), spec("iris")), sources, ROOT)
    rejected, iris = Rejected("churn", "no folder", None), resolved("iris")
    written = serve_config(
        config, [rejected, iris], deployed={"churn": application(resolved(route="/old"))}, pinned={"churn": pinned}
    )
    assert applications(written)["churn"] == pinned
    assert catalogue(written)["churn"].refused == "no folder"


def test_versions_that_another_release_wrote_are_not_read():
    assert versions_of({"args": {"versions": ["1", {"number": 2, "digest": "sha256:2"}]}}) == [(2, "sha256:2")]
    assert versions_of({"args": None}) == versions_of({}) == []
