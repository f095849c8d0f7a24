"""The table of runtimes."""

from importlib.util import find_spec

import pytest

from modelyard.config.model_spec import RUNTIME, ModelSpec
from modelyard.runtimes import registry
from modelyard.runtimes.base import LoadError


@pytest.mark.parametrize(("name", "row"), registry.RUNTIMES.items())
def test_each_row_names_a_module_that_loads_models(name: str, row: registry.RuntimeRow) -> None:
    assert find_spec(row.module)
    assert callable(registry.runtime(name).load)


@pytest.mark.parametrize(("name", "row"), registry.RUNTIMES.items())
def test_the_yaml_accepts_each_runtime(name: str, row: registry.RuntimeRow) -> None:
    """The configuration's layer is below the runtimes, so it has its own copy of the pattern."""
    accepted = name if row.artefacts else f"{name}:model:Model"
    assert ModelSpec(name="m", runtime=accepted).runtime == accepted
    assert name in RUNTIME


def test_an_artefact_belongs_to_one_runtime() -> None:
    files = [file for row in registry.RUNTIMES.values() for file in (*row.artefacts, *row.pickles)]
    assert len(files) == len(set(files)) == len(registry.RUNTIME_OF_ARTEFACT)


def test_a_framework_that_is_not_installed_is_reported_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    row = registry.RuntimeRow("no_such_framework.model", "other", "other", extra="other")
    monkeypatch.setattr(registry, "RUNTIMES", {"other": row})
    with pytest.raises(
        LoadError, match=r"needs no_such_framework, which is not installed: pip install 'modelyard\[other\]'$"
    ):
        registry.runtime("other")
