"""From files on disk to the desired state, with everything real except the time that versions settle."""

from pathlib import Path

import pytest

from modelyard.config.diagnostic import SpecError
from modelyard.control.desired import ConfigReader
from modelyard.repository.resolve import Resolved
from tests.unit.control.models import applications


class Project:
    """A configuration with one model, whose version was written just now, and settles at once unless the test sets a delay."""

    def __init__(self, root: Path) -> None:
        self.config = root / "serve_config"
        self.version = root / "model_repository" / "churn" / "1"
        (self.config / "models").mkdir(parents=True)
        self.version.mkdir(parents=True)
        (self.version / "model.onnx").write_bytes(b"weights")
        self.settle(0)
        self.model("name: churn")

    def settle(self, seconds: float) -> None:
        (self.config / "server.yaml").write_text(f"repository: {{settle_s: {seconds}}}")

    def model(self, text: str) -> None:
        (self.config / "models" / "churn.yaml").write_text(text)

    @property
    def state(self) -> ConfigReader:
        return ConfigReader(self.config, {"REPLICAS": "3"})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_the_files_become_a_serve_config(project: Project):
    project.model("name: churn\nreplicas: ${REPLICAS}")
    desired = project.state.read()
    config = desired.serve_config({})
    assert list(applications(config)) == ["gateway", "churn"]
    args = applications(config)["churn"]["args"]
    assert args["runtime"] == "onnx"
    assert args["repository"] == str(project.version.parents[1])
    assert applications(config)["churn"]["deployments"][0]["num_replicas"] == 3
    assert desired.refused == {}


def test_a_change_of_the_artefact_alone_changes_the_config(project: Project):
    state = project.state
    before = state.read().serve_config({})
    (project.version / "model.onnx").write_bytes(b"other weights")
    after = state.read().serve_config({})
    assert applications(before)["churn"]["args"]["spec"] == applications(after)["churn"]["args"]["spec"]
    assert applications(before)["churn"]["args"]["versions"] != applications(after)["churn"]["args"]["versions"]


def test_a_model_without_an_artefact_is_rejected_and_the_others_are_not(project: Project):
    (project.config / "models" / "iris.yaml").write_text("name: iris")
    desired = project.state.read()
    assert list(desired.refused) == ["iris"]
    assert list(applications(desired.serve_config({}))) == ["gateway", "churn"]


def test_read_settled_waits_for_a_version_that_was_written_just_now(project: Project):
    project.settle(0.2)
    assert project.state.read().settles_in_s is not None
    settled = project.state.read_settled()
    assert settled.settles_in_s is None
    assert isinstance(settled.models[0], Resolved)


def test_an_error_in_the_yaml_is_raised(project: Project):
    project.model("nam: churn")
    with pytest.raises(SpecError):
        project.state.read()
    with pytest.raises(SpecError):
        project.state.read_settled()


def test_an_invalid_configuration_is_replaced_by_the_fallback(project: Project):
    last_good = project.state.read().config
    project.model("nam: churn")
    desired = project.state.read_settled(otherwise=last_good)
    assert desired.config == last_good
    assert list(applications(desired.serve_config({}))) == ["gateway", "churn"]


def test_a_valid_configuration_is_not_replaced_by_the_fallback(project: Project):
    last_good = project.state.read().config
    project.model("name: churn\ndescription: newer")
    assert project.state.read_settled(otherwise=last_good).config.models[0].description == "newer"
