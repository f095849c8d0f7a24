"""Merging the defaults of server.yaml into each model's keys."""

import pytest

from modelyard.config.model_spec import Batching, Limits, Replicas
from modelyard.config.versions_spec import LatestVersions


def test_a_models_own_keys_take_precedence_over_defaults(folder):
    folder.write(
        {
            "server.yaml": "defaults:\n  trusted: true\n  versions: {latest: 2}\n  limits: {queue: 9, timeout_s: 3}\n",
            "models/a.yaml": "name: a\n",
            "models/b.yaml": "name: b\ntrusted: false\nversions: [1]\nlimits: {queue: 5}\n",
        }
    )
    a, b = folder.load().models
    assert (a.trusted, a.versions, a.limits) == (
        True,
        folder.load().server.defaults.versions,
        Limits(queue=9, timeout_s=3),
    )
    assert (b.trusted, b.versions, b.limits) == (False, [1], Limits(queue=5, timeout_s=3))


def test_a_models_own_null_takes_precedence_over_a_default(folder):
    folder.write(
        {"server.yaml": "defaults: {resources: {memory: 1GB}}", "models/a.yaml": "name: a\nresources: {memory: ~}"}
    )
    assert folder.load().models[0].resources.memory is None


@pytest.mark.parametrize(
    ("default", "own", "low", "high"),
    [
        ("3", "{}", 3, 3),
        ("3", "{max: 5}", 3, 5),
        ("3", "{max: 2}", 2, 2),
        ("{max: 4}", "{min: 6}", 6, 6),
        ("{max: 4}", "{min: 2}", 2, 4),
        ("{min: 2, max: 4}", "1", 1, 1),
        ("{min: 2}", "{target_in_flight: 3}", 2, 2),
    ],
)
def test_a_models_own_bound_of_replicas_replaces_a_default_that_contradicts_it(folder, default, own, low, high):
    folder.write({"server.yaml": f"defaults:\n  replicas: {default}\n", "models/a.yaml": f"name: a\nreplicas: {own}\n"})
    replicas = folder.load().models[0].replicas
    assert (replicas.min, replicas.max) == (low, high)


def test_a_fixed_number_of_replicas_keeps_the_sections_other_defaults(folder):
    folder.write(
        {"server.yaml": "defaults: {replicas: {target_in_flight: 3}}", "models/a.yaml": "name: a\nreplicas: 2\n"}
    )
    assert folder.load().models[0].replicas == Replicas(min=2, max=2, target_in_flight=3)


@pytest.mark.parametrize(
    ("default", "own", "max_size", "max_delay_ms"),
    [
        ("off", "{}", 1, 0),
        ("off", "{max_size: 8}", 8, 0),
        ("off", "{max_delay_ms: 5}", 1, 5),
        ("{max_size: 8, max_delay_ms: 5}", "off", 1, 0),
        ("off", "off", 1, 0),
    ],
)
def test_batching_off_is_a_section_like_any_other(folder, default, own, max_size, max_delay_ms):
    folder.write({"server.yaml": f"defaults:\n  batching: {default}\n", "models/a.yaml": f"name: a\nbatching: {own}\n"})
    assert folder.load().models[0].batching == Batching(max_size=max_size, max_delay_ms=max_delay_ms)


def test_a_default_of_batching_off_applies_to_models_that_do_not_set_it(folder):
    folder.write({"server.yaml": "defaults: {batching: off}", "models/a.yaml": "name: a\n"})
    assert folder.load().models[0].batching == Batching(max_size=1)


def test_an_error_in_a_model_is_reported_in_its_file_also_with_defaults(folder):
    folder.write(
        {"server.yaml": "defaults: {limits: {queue: 9}}", "models/a.yaml": "name: a\nlimits: {timeout_s: x}\n"}
    )
    assert folder.reported() == ["models/a.yaml:2:21: expected a number, got the string 'x'"]


def test_one_replica_keeps_the_sections_other_defaults(folder):
    folder.write(
        {"server.yaml": "defaults: {replicas: {target_in_flight: 3}}", "models/a.yaml": "name: a\nreplicas: 1\n"}
    )
    assert folder.load().models[0].replicas == Replicas(min=1, max=1, target_in_flight=3)


def test_an_invalid_number_of_replicas_is_reported_as_without_defaults(folder):
    alone = folder.of_model("name: m\nreplicas: 0\n")
    folder.write({"server.yaml": "defaults: {replicas: {target_in_flight: 3}}"})
    assert folder.of_model("name: m\nreplicas: 0\n") == alone


@pytest.mark.parametrize(
    ("default", "own"), [("all", "{latest: 2}"), ("{latest: 2}", "all"), ("{latest: 1}", "{latest: 2}")]
)
def test_versions_of_one_form_replace_a_default_of_another(folder, default, own):
    folder.write({"server.yaml": f"defaults: {{versions: {default}}}", "models/a.yaml": f"name: a\nversions: {own}\n"})
    versions = folder.load().models[0].versions
    assert versions == (LatestVersions(latest=2) if "latest" in own else "all")
