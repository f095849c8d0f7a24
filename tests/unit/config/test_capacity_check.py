"""Where a machine's capacity ends: what fits exactly fits."""

import pytest

from modelyard.config.capacity_check import Machine, insufficient_resources
from modelyard.config.model_spec import ModelSpec
from modelyard.config.source_text import Source
from modelyard.config.tree import plain
from modelyard.config.yaml_parser import parse

GIB = 2**30


def problems(keys: str, *, cores: float = 4, memory_bytes: int = 8 * GIB, is_declared: bool = False):
    root = parse(Source("m.yaml", keys)).root
    spec = ModelSpec.model_validate({"name": "m", **plain(root)})
    return [
        (found.line, found.severity, found.message)
        for found in insufficient_resources(spec, root, Machine(cores, memory_bytes, is_declared))
    ]


@pytest.mark.parametrize(
    "keys",
    [
        "replicas: {min: 1, max: 1000}",
        "resources: {cpus: 4}",
        "replicas: {min: 2, max: 9}\nresources: {cpus: 2}",
        "replicas: {min: 0, max: 9}\nresources: {cpus: 4}",
        "replicas: 2\nresources: {memory: 4GiB}",
        "replicas: 4",
    ],
)
def test_a_model_that_needs_the_whole_machine_fits(keys):
    assert problems(keys) == []


@pytest.mark.parametrize(
    ("keys", "line", "message"),
    [
        ("replicas: {min: 1, max: 1001}", 1, "one machine runs at most 1000 replicas of a model"),
        ("replicas: 1\nresources: {cpus: 4.5}", 2, "a replica needs 4.5 cores, but this machine has 4 cores"),
        ("replicas: 5\nresources: {cpus: 1}", 1, "5 replicas of 1 cores need 5, but this machine has 4 cores"),
        (
            "replicas: 2\nresources: {memory: 5GiB}",
            2,
            "2 replicas of 5 GiB need 10 GiB, but this machine has 8 GiB",
        ),
        (
            "replicas: {min: 0, max: 1}\nresources: {memory: 9GiB}",
            2,
            "a replica needs 9 GiB, but this machine has 8 GiB",
        ),
    ],
)
def test_a_model_that_needs_a_little_more_does_not_fit(keys, line, message):
    assert [(at, text) for at, _, text in problems(keys)] == [(line, message)]


def test_only_cores_that_are_declared_make_an_error():
    assert problems("resources: {cpus: 5}", is_declared=True) == [
        (1, "error", "a replica needs 5 cores, but ray.cpus is 4")
    ]
    assert [severity for _, severity, _ in problems("resources: {cpus: 5}")] == ["warning"]
    assert [severity for _, severity, _ in problems("resources: {memory: 9GiB}", is_declared=True)] == ["warning"]
    assert [severity for _, severity, _ in problems("replicas: 1001")] == ["error"]
