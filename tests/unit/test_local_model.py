"""A model loaded in its owner's test: found by its folder or file, with the same responses as from the server."""

import json
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from modelyard import InferenceFailed, InvalidRequest, LoadError, SpecError, load_model

DOUBLE = """
import threading

class Model:
    signature = {
        "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}],
        "outputs": [{"name": "y", "datatype": "FP64", "shape": [-1]}],
    }
    example = {"x": [1, 2]}

    def load(self, directory, options, cpus):
        self.factor = options.get("factor", 2)
        self.thread = threading.get_ident()

    def predict(self, inputs):
        assert threading.get_ident() == self.thread
        if inputs["x"][0] == 13:
            raise RuntimeError("thirteen")
        if inputs["x"][0] == 14:
            from modelyard import InvalidRequest
            raise InvalidRequest("no fourteen")
        return {"y": inputs["x"] * self.factor}
"""
PARTS = """
    def generate(self, inputs):
        try:
            for part in range(3):
                yield {"y": inputs["x"] * part}
        finally:
            (self.directory / "closed").write_text("")
"""
YAML = "name: double\nruntime: python:model:Model\ntrusted: true\n"
SETTINGS = {"runtime": "python:model:Model", "trusted": True}


def publish(repository: Path, name: str = "double", version: int = 1, code: str = DOUBLE) -> Path:
    folder = repository / name / str(version)
    folder.mkdir(parents=True)
    (folder / "model.py").write_text(code)
    return folder.parent


def configure(root: Path, yaml: str = YAML, name: str = "double", server: str = "") -> Path:
    models = root / "serve_config" / "models"
    models.mkdir(parents=True, exist_ok=True)
    if server:
        (root / "serve_config" / "server.yaml").write_text(server)
    (models / f"{name}.yaml").write_text(yaml)
    return models / f"{name}.yaml"


def test_a_model_is_found_by_its_folder_with_the_settings_of_its_file(tmp_path: Path) -> None:
    folder = publish(tmp_path / "model_repository")
    configure(tmp_path, f"{YAML}options: {{factor: 3}}\n")
    with load_model(folder) as model:
        assert (model.name, model.version) == ("double", 1)
        assert model.predict(b'{"instances": [1, 2.5]}') == (
            b'{"model_name":"double","model_version":"1","predictions":[3.0,7.5]}'
        )


def test_a_model_is_found_by_its_file_wherever_its_repository_is(tmp_path: Path) -> None:
    publish(tmp_path / "elsewhere" / "team", "doubling")
    yaml = configure(
        tmp_path / "here", f"{YAML}path: team/doubling\n", server=f"repository: {{path: {tmp_path / 'elsewhere'}}}"
    )
    with load_model(str(yaml)) as model:
        assert model.name == "double"
        assert model.predict({"instances": [2]})["predictions"] == [4.0]


def test_a_folder_below_others_belongs_to_the_file_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path / "model_repository" / "team", "doubling")
    configure(tmp_path, f"{YAML}path: team/doubling\n")
    monkeypatch.chdir(tmp_path)
    with load_model("model_repository/team/doubling") as model:
        assert model.name == "double"


def test_a_repository_beside_the_configurations_folder_is_found_by_a_path_with_dots(tmp_path: Path) -> None:
    folder = publish(tmp_path / "repositories" / "here")
    configure(tmp_path, YAML, server="repository: {path: other/../repositories/here}")
    with load_model(folder / ".." / "double") as model:
        assert model.name == "double"
        assert model.predict({"instances": [2]})["predictions"] == [4.0]


def test_a_folder_of_two_models_is_loaded_by_a_file(tmp_path: Path) -> None:
    folder = publish(tmp_path / "model_repository")
    configure(tmp_path)
    other = configure(tmp_path, YAML.replace("name: double", "name: other\npath: double"), "other")
    with pytest.raises(ValueError, match=r"several models \(double, other\): load one by its file"):
        load_model(folder)
    with load_model(other) as model:
        assert model.name == "other"


def test_settings_are_used_in_place_of_a_file(tmp_path: Path) -> None:
    folder = publish(tmp_path)
    with load_model(folder, settings={**SETTINGS, "options": {"factor": 5}}) as model:
        assert model.predict({"instances": [1]})["predictions"] == [5.0]
    with pytest.raises(ValueError, match="settings: name: "):
        load_model(folder.rename(tmp_path / "My Model"))
    with pytest.raises(ValueError, match="settings: trustd: Extra inputs are not permitted"):
        load_model(tmp_path / "My Model", settings={"name": "double", "trustd": True})


def test_the_version_is_the_one_that_answers_by_default_or_the_one_that_is_named(tmp_path: Path) -> None:
    publish(tmp_path / "model_repository")
    folder = publish(tmp_path / "model_repository", version=2, code=DOUBLE.replace('"factor", 2', '"factor", 4'))
    configure(tmp_path, f"{YAML}versions: all\ndefault: 1\n")
    answers = {}
    for version in (None, 1, 2):
        with load_model(folder, version) as model:
            answers[version] = (model.version, model.predict({"instances": [1]})["predictions"])
    assert answers == {None: (1, [2.0]), 1: (1, [2.0]), 2: (2, [4.0])}
    with pytest.raises(LoadError, match="version 3 is not in double: there is 2, 1"):
        load_model(folder, 3)


def test_a_model_that_is_not_served_has_the_reason_that_the_status_shows(tmp_path: Path) -> None:
    folder = publish(tmp_path / "model_repository", code=DOUBLE.replace('"factor", 2', "no_such_name"))
    with pytest.raises(LoadError, match=r"version 1 contains none of model\.onnx.*runtime: python:model:<Class>"):
        load_model(folder)
    configure(tmp_path)
    with pytest.raises(LoadError, match=r"^Model\.load\(\) failed at model\.py:12: NameError: name 'no_such_name'"):
        load_model(folder)


def test_an_example_that_fails_keeps_a_model_from_loading(tmp_path: Path) -> None:
    folder = publish(tmp_path)
    (folder / "1" / "example.json").write_text('{"instances": [13]}')
    with pytest.raises(LoadError, match="the model failed on its example: RuntimeError: thirteen"):
        load_model(folder, settings=SETTINGS)


def test_errors_in_the_configuration_are_reported_with_their_places(tmp_path: Path) -> None:
    yaml = configure(tmp_path, f"{YAML}replcas: 2\n")
    with pytest.raises(SpecError, match=r"double\.yaml:4:1: error: unknown key 'replcas'"):
        load_model(yaml)
    with pytest.raises(ValueError, match=r"notes\.yaml is not the file of a model"):
        load_model(_other_file(tmp_path))


def _other_file(root: Path) -> Path:
    configure(root)
    path = root / "serve_config" / "notes" / "notes.yaml"
    path.parent.mkdir()
    path.write_text("name: notes\n")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return publish(tmp_path)


def test_an_error_is_the_servers_own(folder: Path) -> None:
    with load_model(folder, settings=SETTINGS) as model:
        with pytest.raises(InvalidRequest) as wrong:
            model.predict({"instances": [1, "a"]})
        assert wrong.value.message == 'expected a number, got the string "a" at /instances/1'
        assert [bad.pointer for bad in wrong.value.bad_values] == ["/instances/1"]
        with pytest.raises(InvalidRequest, match="no fourteen"):
            model.predict({"instances": [14]})
        with pytest.raises(InferenceFailed, match=r"^the model failed on this request$") as failed:
            model.predict({"instances": [13]})
        assert repr(failed.value.__cause__) == "RuntimeError('thirteen')"
        assert model.predict({"instances": [1]})["predictions"] == [2.0]


def test_every_form_of_a_body_and_of_a_response_is_there(folder: Path) -> None:
    with load_model(folder, settings=SETTINGS) as model:
        assert model.predict(b"x\n1\n2\n", "text/csv", accept="text/csv") == b"prediction\n2.0\n4.0\n"
        assert model.predict({"inputs": {"x": np.array([1.5])}})["predictions"] == [3.0]
        assert json.loads(model.predict(model.example))["predictions"] == [2.0, 4.0]


def test_what_is_known_of_a_model_is_what_its_status_shows(folder: Path) -> None:
    with load_model(folder, settings={**SETTINGS, "batching": "off"}) as model:
        assert [spec.name for spec in model.signature.inputs] == ["x"]
        assert model.not_batched_because == "it is turned off (max_size: 1)"
        assert model.notes == ()


def test_a_response_in_parts_is_a_part_after_the_other(tmp_path: Path) -> None:
    code = DOUBLE.replace("self.thread =", "self.directory = directory; self.thread =") + textwrap.indent(
        textwrap.dedent(PARTS), "    "
    )
    with load_model(publish(tmp_path, code=code), settings=SETTINGS) as model:
        assert [part["y"] for part in model.generate({"x": [1]})] == [0.0, 1.0, 2.0]
        parts = model.generate({"x": [1]})
        assert next(parts)["model_name"] == "double"
        parts.close()  # type: ignore[attr-defined] # a generator


def test_a_model_without_parts_returns_one(folder: Path) -> None:
    with load_model(folder, settings=SETTINGS) as model:
        assert [part["y"] for part in model.generate(b'{"x": [4]}')] == [8.0]
        with pytest.raises(InferenceFailed):
            next(model.generate({"x": [13]}))


def test_its_thread_ends_with_the_block(folder: Path) -> None:
    before = set(threading.enumerate())
    with load_model(folder, settings=SETTINGS):
        started = set(threading.enumerate()) - before
    assert "modelyard-model" in {thread.name for thread in started}
    for thread in started:
        thread.join(10)
    assert not any(thread.is_alive() for thread in started)
