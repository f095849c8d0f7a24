"""The folder with many models: a valid configuration, and models that answer as its list of answers says."""

import json
from pathlib import Path

import pytest

from benchmarks import thousand_models
from modelyard import load_model
from modelyard.config.load import load
from modelyard.control.desired import ConfigReader
from modelyard.repository.resolve import Resolved

COUNT = 8
"""Two more than there are templates."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models")
    assert thousand_models.main([str(path), "--models", str(COUNT)]) == 0
    return path


def test_all_models_are_in_one_pool(folder: Path) -> None:
    config = load(folder / "serve_config", {})
    (pool,) = config.pools
    assert (pool.name, pool.memory) == ("small", 2 * 2**30)
    assert [config.pool_of(spec) for spec in config.models] == [pool] * COUNT


def test_every_model_can_be_served_and_has_a_digest_of_its_own(folder: Path) -> None:
    reader = ConfigReader(folder / "serve_config", {}, now=lambda: 1e11)
    models = reader.read().models
    resolved = [model for model in models if isinstance(model, Resolved)]
    assert len(resolved) == len(models) == COUNT
    assert len({model.versions[0].digest for model in resolved}) == COUNT
    assert {model.runtime for model in resolved} == {"sklearn", "onnx"}


def test_every_model_predicts_what_the_list_says(folder: Path) -> None:
    answers = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    assert len({json.dumps(each["predictions"]) for each in answers}) == len(answers) == COUNT
    for each in answers:
        with load_model(folder / "serve_config" / "models" / f"{each['model']}.yaml") as model:
            (predicted,) = model.predict(each["request"])["predictions"]
        (expected,) = each["predictions"]
        assert predicted == (expected if isinstance(expected, str) else pytest.approx(expected, rel=1e-5))


def test_a_folder_with_files_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(folder.rglob("*"))
    assert thousand_models.main([str(folder)]) == 1
    assert capsys.readouterr().err == f"{folder} is not empty\n"
    assert sorted(folder.rglob("*")) == before
