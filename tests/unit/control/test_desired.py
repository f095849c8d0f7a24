"""From files on disk to what is wanted, with everything real but the clock's waiting."""

from pathlib import Path

import pytest

from modelyard.config.diagnostic import SpecError
from modelyard.control.desired import ConfigReader
from modelyard.repository.resolve import Resolved
from tests.unit.control.models import applications


class Yard:
    """A configuration with one model, whose version was written just now, and settles at once unless a test says otherwise."""

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
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def test_the_files_become_a_serve_config(yard: Yard):
    yard.model("name: churn\nreplicas: ${REPLICAS}")
    desired = yard.state.read()
    config = desired.serve_config({})
    assert list(applications(config)) == ["gateway", "churn"]
    args = applications(config)["churn"]["args"]
    assert args["runtime"] == "onnx"
    assert args["repository"] == str(yard.version.parents[1])
    assert applications(config)["churn"]["deployments"][0]["num_replicas"] == 3
    assert desired.refused == {}


def test_a_change_of_the_artefact_alone_changes_the_config(yard: Yard):
    state = yard.state
    before = state.read().serve_config({})
    (yard.version / "model.onnx").write_bytes(b"other weights")
    after = state.read().serve_config({})
    assert applications(before)["churn"]["args"]["spec"] == applications(after)["churn"]["args"]["spec"]
    assert applications(before)["churn"]["args"]["versions"] != applications(after)["churn"]["args"]["versions"]


def test_a_model_without_an_artefact_is_refused_and_the_others_are_not(yard: Yard):
    (yard.config / "models" / "iris.yaml").write_text("name: iris")
    desired = yard.state.read()
    assert list(desired.refused) == ["iris"]
    assert list(applications(desired.serve_config({}))) == ["gateway", "churn"]


def test_read_settled_waits_for_a_version_that_was_written_just_now(yard: Yard):
    yard.settle(0.2)
    assert yard.state.read().settles_in_s is not None
    settled = yard.state.read_settled()
    assert settled.settles_in_s is None
    assert isinstance(settled.models[0], Resolved)


def test_a_mistake_in_the_yaml_is_raised(yard: Yard):
    yard.model("nam: churn")
    with pytest.raises(SpecError):
        yard.state.read()
    with pytest.raises(SpecError):
        yard.state.read_settled()


def test_another_configuration_stands_in_for_one_with_a_mistake(yard: Yard):
    last_good = yard.state.read().config
    yard.model("nam: churn")
    desired = yard.state.read_settled(otherwise=last_good)
    assert desired.config == last_good
    assert list(applications(desired.serve_config({}))) == ["gateway", "churn"]


def test_another_configuration_does_not_stand_in_for_one_without(yard: Yard):
    last_good = yard.state.read().config
    yard.model("name: churn\ndescription: newer")
    assert yard.state.read_settled(otherwise=last_good).config.models[0].description == "newer"
