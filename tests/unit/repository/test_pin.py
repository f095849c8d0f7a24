"""The keys that make another version the default."""

import pytest

from modelyard.config.model_spec import ModelSpec
from modelyard.repository.pin import NoSuchVersion, pinned


def spec(**keys) -> ModelSpec:
    return ModelSpec.model_validate({"name": "iris", **keys})


@pytest.mark.parametrize(
    ("keys", "to", "values"),
    [
        ({}, None, {"versions": [2]}),
        ({}, 1, {"versions": [1]}),
        ({"versions": "all"}, None, {"default": 2}),
        ({"versions": [1, 3]}, None, {"versions": [2]}),
        ({"versions": [1, 3]}, 1, {"default": 1}),
        ({"versions": {"latest": 2}}, None, {"default": 2}),
        ({"versions": {"latest": 2}}, 1, {"versions": [1]}),
        ({"versions": [2]}, None, {"versions": [1]}),
        ({"versions": [2]}, 3, {"versions": [3]}),
        ({"default": 2}, None, {"versions": [1], "default": 1}),
        ({"default": 2}, 3, {"default": 3}),
        ({"default": "stable", "version_labels": {"stable": 3, "old": 1}}, None, {"versions": [1, 2, 3], "default": 2}),
        ({"default": "stable", "version_labels": {"stable": 3, "old": 1}}, 1, {"default": 1}),
        ({"version_labels": {"stable": 3}}, 1, {"versions": [1, 3], "default": 1}),
    ],
)
def test_a_version_that_is_served_becomes_the_default_and_another_one_is_pinned(keys, to, values):
    assert pinned(spec(**keys), {1, 2, 3}, to) == values
    spec(**{**keys, **values})  # the result is valid


@pytest.mark.parametrize(
    ("keys", "available", "to", "reason"),
    [
        ({}, {1}, None, "there is no version before 1 in iris: there is 1"),
        ({}, set(), None, "there is no complete version in iris"),
        ({}, {1, 2}, 7, "there is no complete version 7 in iris: there is 2, 1"),
        ({}, set(), 7, "there is no complete version 7 in iris: there is none"),
        ({}, {1, 2}, 2, "version 2 of iris is already the default"),
        ({"default": 1}, {1, 2}, 1, "version 1 of iris is already the default"),
        ({"default": 1}, {1, 2}, None, "there is no version before 1 in iris: there is 2, 1"),
    ],
)
def test_there_must_be_a_version_to_go_to(keys, available, to, reason):
    with pytest.raises(NoSuchVersion, match=reason):
        pinned(spec(**keys), available, to)
