"""A configuration whose models or server.yaml are missing by accident is not applied without a confirmation."""

import shutil

import pytest

from modelyard.cli.removal_checks import initial_config
from modelyard.config.diagnostic import SpecError
from modelyard.config.load import load
from modelyard.control.last_good import LastGood
from modelyard.control.paths import paths_of
from tests.unit.cli.project_folder import ProjectFolder


@pytest.fixture
def served(project: ProjectFolder) -> ProjectFolder:
    """Its six models were served by the last run."""
    for name in "abcdef":
        project.model(name)
        project.artefact(name)
    config = load(project.config, {})
    paths_of(config).state.mkdir()
    LastGood(config).write(paths_of(config).last_good)
    return project


def _no_folder(project: ProjectFolder) -> str:
    shutil.rmtree(project.config / "models")
    return "the folder models is missing, and the last configuration had 6 models"


def _no_file(project: ProjectFolder) -> str:
    for path in (project.config / "models").iterdir():
        path.unlink()
    return "the folder models holds no model, and the last configuration had 6 models"


def _no_server_file(project: ProjectFolder) -> str:
    (project.config / "server.yaml").unlink()
    return "server.yaml is missing or empty, and the last configuration had settings in it"


def _empty_server_file(project: ProjectFolder) -> str:
    project.write("server.yaml", "")
    return "server.yaml is missing or empty, and the last configuration had settings in it"


LOSSES = [_no_folder, _no_file, _no_server_file, _empty_server_file]


@pytest.mark.parametrize("lose", LOSSES)
@pytest.mark.parametrize("command", ["validate", "render", "up"])
def test_lost_files_are_an_error(served: ProjectFolder, lose, command):
    reason = lose(served)
    done = served.run(command)
    assert done.exit_code == 1
    assert f"{served.config}: error: {reason}; if this is intended, confirm with --allow-removals" in done.stderr
    assert "valid" not in done.stdout


@pytest.mark.parametrize("lose", LOSSES)
def test_the_json_output_lists_lost_files(served: ProjectFolder, lose):
    reason = lose(served)
    result = served.json("validate", exit_code=1)
    assert (result["valid"], [error["message"] for error in result["errors"]]) == (False, [reason])


def test_the_removal_of_most_models_is_a_warning(served: ProjectFolder):
    for name in "abcd":
        (served.config / "models" / f"{name}.yaml").unlink()
    done = served.run("validate")
    assert (done.exit_code, done.stdout) == (0, "2 models are valid\n")
    assert "warning: 4 of the 6 models of the last configuration have no file (a, b, c, d)" in done.stderr


def test_the_removal_of_a_few_is_not(served: ProjectFolder):
    (served.config / "models" / "a.yaml").unlink()
    done = served.run("validate")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "5 models are valid\n", "")


def test_a_missing_folder_of_models_is_an_error_even_where_nothing_was_ever_served(project: ProjectFolder):
    (project.config / "models").rmdir()
    done = project.run("validate")
    assert done.exit_code == 1
    assert f"{project.config / 'models'}: error: there is no such folder, so no model is configured\n" in done.stderr


def test_an_empty_folder_of_models_is_how_a_project_begins(project: ProjectFolder):
    assert project.run("validate").stdout == "0 models are valid\n"


def test_files_that_are_not_read_are_warnings_and_no_errors(project: ProjectFolder):
    project.model("a")
    project.artefact("a")
    project.write("models/b.YAML", "name: b")
    done = project.run("validate")
    assert (done.exit_code, done.stdout) == (0, "1 model is valid\n")
    file = project.config / "models" / "b.YAML"
    assert done.stderr == f"{file}: warning: this file is ignored; rename it to b.yaml\n"
    (warning,) = project.json("validate")["warnings"]
    assert warning["severity"] == "warning"


def test_a_start_with_a_error_in_the_files_serves_what_was_served_last(served: ProjectFolder):
    served.write("models/a.yaml", "name: a\nreplica: 2\n")
    result: list[str] = []
    config, resume = initial_config(served.config, {}, result.append)
    assert (resume, [model.name for model in config.models]) == (True, [*"abcdef"])
    assert "models/a.yaml:2:1: error: unknown key 'replica'" in result[0]
    assert "serving the last working configuration" in result[-1]


def test_a_start_with_files_that_are_right_serves_them(served: ProjectFolder):
    served.write("models/a.yaml", "name: a\nreplicas: 2\n")
    config, resume = initial_config(served.config, {}, lambda _: None)
    assert (resume, config.models[0].replicas.max) == (False, 2)


@pytest.mark.parametrize("never_served", [True, False], ids=["a first start", "another folder's"])
def test_a_first_start_with_a_error_serves_nothing(served: ProjectFolder, never_served: bool):
    served.write("models/a.yaml", "name: a\nreplica: 2\n")
    kept = served.config.parent / ".modelyard" / "last-good.json"
    if never_served:
        kept.unlink()
    else:
        kept.write_text(kept.read_text().replace(str(served.config.parent), "/elsewhere"))
    with pytest.raises(SpecError):
        initial_config(served.config, {}, lambda _: None)
