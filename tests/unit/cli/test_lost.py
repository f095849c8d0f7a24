"""A configuration that has lost its models or its server.yaml is not taken for one that has none."""

import shutil

import pytest

from modelyard.cli.lost_models import first_config
from modelyard.config.diagnostic import SpecError
from modelyard.config.load import load
from modelyard.control.last_good import LastGood
from modelyard.control.paths import paths_of
from tests.unit.cli.yard import Yard


@pytest.fixture
def served(yard: Yard) -> Yard:
    """Its six models were served by the last run."""
    for name in "abcdef":
        yard.model(name)
        yard.artefact(name)
    config = load(yard.config, {})
    paths_of(config).state.mkdir()
    LastGood(config).write(paths_of(config).last_good)
    return yard


def _no_folder(yard: Yard) -> str:
    shutil.rmtree(yard.config / "models")
    return "the folder models is missing, and the last configuration had 6 models"


def _no_file(yard: Yard) -> str:
    for path in (yard.config / "models").iterdir():
        path.unlink()
    return "the folder models holds no model, and the last configuration had 6 models"


def _no_server_file(yard: Yard) -> str:
    (yard.config / "server.yaml").unlink()
    return "server.yaml is missing or empty, and the last configuration had settings in it"


def _empty_server_file(yard: Yard) -> str:
    yard.write("server.yaml", "")
    return "server.yaml is missing or empty, and the last configuration had settings in it"


LOSSES = [_no_folder, _no_file, _no_server_file, _empty_server_file]


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("command", ["validate", "render", "up"])
def test_what_was_lost_is_an_error(served: Yard, lose, command):
    reason = lose(served)
    done = served.run(command)
    assert done.exit_code == 1
    assert f"{served.config}: error: {reason}; if that is meant, confirm it with --allow-removals" in done.stderr
    assert "valid" not in done.stdout


@pytest.mark.parametrize("lose", LOSSES)
def test_programs_read_what_was_lost(served: Yard, lose):
    reason = lose(served)
    told = served.json("validate", exit_code=1)
    assert (told["valid"], [error["message"] for error in told["errors"]]) == (False, [reason])


def test_the_removal_of_most_models_is_a_warning(served: Yard):
    for name in "abcd":
        (served.config / "models" / f"{name}.yaml").unlink()
    done = served.run("validate")
    assert (done.exit_code, done.stdout) == (0, "2 models are valid\n")
    assert "warning: 4 of the 6 models of the last configuration have no file (a, b, c, d)" in done.stderr


def test_the_removal_of_a_few_is_not(served: Yard):
    (served.config / "models" / "a.yaml").unlink()
    done = served.run("validate")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "5 models are valid\n", "")


def test_a_missing_folder_of_models_is_an_error_even_where_nothing_was_ever_served(yard: Yard):
    (yard.config / "models").rmdir()
    done = yard.run("validate")
    assert done.exit_code == 1
    assert f"{yard.config / 'models'}: error: there is no such folder, so no model is configured\n" in done.stderr


def test_an_empty_folder_of_models_is_how_a_project_begins(yard: Yard):
    assert yard.run("validate").stdout == "0 models are valid\n"


def test_files_that_are_not_read_are_warnings_and_no_errors(yard: Yard):
    yard.model("a")
    yard.artefact("a")
    yard.write("models/b.YAML", "name: b")
    done = yard.run("validate")
    assert (done.exit_code, done.stdout) == (0, "1 model is valid\n")
    file = yard.config / "models" / "b.YAML"
    assert done.stderr == f"{file}: warning: this file is not read; a model's file is named b.yaml\n"
    (warning,) = yard.json("validate")["warnings"]
    assert warning["severity"] == "warning"


def test_a_start_with_a_mistake_in_the_files_serves_what_was_served_last(served: Yard):
    served.write("models/a.yaml", "name: a\nreplica: 2\n")
    told: list[str] = []
    config, resume = first_config(served.config, {}, told.append)
    assert (resume, [model.name for model in config.models]) == (True, [*"abcdef"])
    assert "models/a.yaml:2:1: error: unknown key 'replica'" in told[0]
    assert "what was served last is served" in told[-1]


def test_a_start_with_files_that_are_right_serves_them(served: Yard):
    served.write("models/a.yaml", "name: a\nreplicas: 2\n")
    config, resume = first_config(served.config, {}, lambda _: None)
    assert (resume, config.models[0].replicas.max) == (False, 2)


@pytest.mark.parametrize("never_served", [True, False], ids=["a first start", "another folder's"])
def test_a_first_start_with_a_mistake_serves_nothing(served: Yard, never_served: bool):
    served.write("models/a.yaml", "name: a\nreplica: 2\n")
    kept = served.config.parent / ".modelyard" / "last-good.json"
    if never_served:
        kept.unlink()
    else:
        kept.write_text(kept.read_text().replace(str(served.config.parent), "/elsewhere"))
    with pytest.raises(SpecError):
        first_config(served.config, {}, lambda _: None)
