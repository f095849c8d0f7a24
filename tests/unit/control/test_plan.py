"""The plan: which models change, how, and the reason for the operator."""

from typing import Any

import pytest

from modelyard.control.plan import Action, plan
from tests.unit.control.models import application, applications, configured, refused, resolved

A, B = (f"({letter * 8})" for letter in "ab")


def change(before: dict[str, Any], after: dict[str, Any]) -> tuple[Action, ...]:
    """The plan for one model, from this application to that one."""
    return plan(applications(configured(resolved(**before))), configured(resolved(**after)))


def test_nothing_is_planned_where_nothing_changes():
    models = resolved("churn", replicas={"min": 1, "max": 3}), resolved("iris", "ab")
    assert plan(applications(configured(*models)), configured(*models)) == ()


def test_a_new_model_is_added_with_its_versions():
    assert plan({}, configured(resolved("churn", "ab"))) == (Action("add", "churn", f"versions 2 {A}, 1 {B}"),)


def test_a_model_without_a_file_is_removed():
    assert plan(applications(configured(resolved())), configured()) == (Action("remove", "churn", "not configured"),)


RESTARTS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"digests": "a"}, {"digests": "ba"}, f"version 1 {A} -> versions 2 {B}, 1 {A}"),
    ({"digests": "a"}, {"digests": "b"}, f"version 1 {A} -> version 1 {B}"),
    ({"runtime": "onnx"}, {"runtime": "sklearn"}, "runtime onnx -> sklearn"),
    ({}, {"batching": {"max_size": 128}}, "batching.max_size 64 -> 128"),
    ({}, {"batching": {"independent_rows": True}}, "batching.independent_rows False -> True"),
    ({"batching": "off"}, {}, "batching.max_size 1 -> 64"),
    ({}, {"resources": {"cpus": 2}, "labels": ["a"]}, "labels [] -> ['a']; resources.cpus 0.1 -> 2.0"),
    ({}, {"resources": {"memory": "16MiB"}}, "resources.memory none -> 16.0 MiB"),
    ({}, {"route": "/who"}, "route /models/churn -> /who"),
    ({}, {"versions": {"latest": 2}}, "versions latest -> {'latest': 2}"),
    ({"options": {"a": 1, "b": 2}}, {"options": {"b": 3}}, "options.a 1 -> none; options.b 2 -> 3"),
    (
        {"digests": "a", "description": "old", "replicas": 1},
        {"digests": "b", "description": "new", "replicas": 2},
        f"version 1 {A} -> version 1 {B}",
    ),
]


@pytest.mark.parametrize(("before", "after", "why"), RESTARTS)
def test_a_change_of_what_answers_restarts_the_model(before, after, why):
    assert change(before, after) == (Action("restart", "churn", why),)


@pytest.mark.parametrize(
    ("server", "why"),
    [
        ({"request_log": {"requests": "all"}}, "request_log.share 0.0 -> 1.0"),
        (
            {"tracing": {"endpoint": "http://collector:4318"}},
            "tracing.endpoint none -> http://collector:4318; tracing.sample none -> 0.01",
        ),
    ],
)
def test_what_is_recorded_of_requests_is_set_when_a_replica_starts(server, why):
    before = {"churn": application(resolved())}
    assert plan(before, configured(resolved(), **server)) == (Action("restart", "churn", why),)


def test_args_of_another_release_restart_the_model():
    written = application(resolved())
    del written["args"]["tracing"]
    assert plan({"churn": written}, configured(resolved())) == (
        Action("restart", "churn", "arguments of another release"),
    )


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ({}, {"limits": {"queue": 512}}, "limits.queue 256 -> 512"),
        (
            {},
            {"limits": {"timeout_s": 1, "body": "1KiB"}},
            "limits.body 67108864 -> 1024; limits.timeout_s 10.0 -> 1.0",
        ),
        ({}, {"batching": {"max_size": 8}}, "batching.max_size 64 -> 8"),
        ({}, {"batching": "off"}, "batching.max_size 64 -> 1"),
        ({"batching": {"max_delay_ms": 1}}, {}, "batching.max_delay_ms 1.0 -> 0.0"),
    ],
)
def test_limits_and_batching_apply_in_place(before, after, why):
    ran = applications(configured(resolved(**before)))
    assert plan(ran, configured(resolved(**after), kept=ran)) == (
        Action("update", "churn", f"{why} (applies in place)"),
    )


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (1, 3, "replicas 1 -> 3"),
        (1, {"min": 0, "max": 4}, "replicas 1 -> 0 to 4 (target: 8 in flight)"),
        (
            {"min": 1, "max": 4},
            {"min": 1, "max": 4, "target_in_flight": 2},
            "replicas 1 to 4 (target: 8 in flight) -> 1 to 4 (target: 2 in flight)",
        ),
    ],
)
def test_a_change_of_the_replicas_alone_scales_in_place(before, after, why):
    assert change({"replicas": before}, {"replicas": after}) == (Action("scale", "churn", f"{why} (applies in place)"),)


def test_a_new_description_is_an_update_in_place():
    assert change({}, {"description": "Who leaves"}) == (Action("update", "churn", "description (applies in place)"),)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ({}, {"default": 1}, "default version 2 -> 1"),
        ({"default": 1}, {"default": "stable", "version_labels": {"stable": 1}}, "label stable none -> 1"),
        (
            {"version_labels": {"stable": 1, "next": 2}, "default": "stable"},
            {"version_labels": {"stable": 2}, "default": "stable"},
            "default version 1 -> 2; label next 2 -> none; label stable 1 -> 2",
        ),
    ],
)
def test_another_default_and_other_labels_are_an_update_in_place(before, after, why):
    both = {"versions": "all", "digests": "ba"}
    assert change(both | before, both | after) == (Action("update", "churn", f"{why} (applies in place)"),)


def test_one_action_holds_a_scaling_and_an_update_together():
    (action,) = change({}, {"description": "Who leaves", "replicas": 2})
    assert action == Action("update", "churn", "replicas 1 -> 2; description (applies in place)")


def test_a_change_of_the_server_updates_its_models():
    (action,) = plan(applications(configured(resolved())), configured(resolved(), drain_s=10.0))
    assert action == Action("update", "churn", "graceful_shutdown_timeout_s 65.0 -> 70.0 (applies in place)")


def test_a_rejected_model_is_reported_and_stays():
    ran = applications(configured(resolved()))
    wanted = configured(refused("no folder"), kept=ran)
    assert plan(ran, wanted, {"churn": "no folder"}) == (Action("refuse", "churn", "no folder"),)


def test_a_rejected_model_that_cannot_stay_is_removed_and_both_are_reported():
    ran = applications(configured(resolved(route="/who")))
    wanted = configured(resolved("leavers", route="/who"), refused("no folder"), kept=ran)
    assert plan(ran, wanted, {"churn": "no folder"}) == (
        Action("refuse", "churn", "no folder"),
        Action("remove", "churn", "rejected, and its route belongs to another model"),
        Action("add", "leavers", f"version 1 {A}"),
    )


def test_a_foreign_application_with_a_models_name_is_replaced():
    foreign = {"churn": {"name": "churn", "route_prefix": "/", "import_path": "their.app:app"}}
    (action,) = plan(foreign, configured(resolved()))
    assert action == Action("restart", "churn", "replaces an application of another kind: their.app:app")


def test_the_plan_does_not_show_the_gateway():
    before = applications(configured(resolved(required=True)))
    assert plan(before, configured(resolved(required=False))) == ()
    assert plan(before | {"gateway": before["gateway"]}, configured(resolved())) == ()


def test_actions_come_by_model():
    current = applications(configured(resolved("b"), resolved("c")))
    wanted = configured(resolved("a"), resolved("c", "x"))
    assert [(action.model, action.kind) for action in plan(current, wanted)] == [
        ("a", "add"),
        ("b", "remove"),
        ("c", "restart"),
    ]
