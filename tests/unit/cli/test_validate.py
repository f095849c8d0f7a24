"""`modelyard validate`: its errors as text and as JSON."""

import pytest
from onnx import TensorProto, helper

from tests.unit.cli.project_folder import ProjectFolder, run


def identity() -> bytes:
    """An ONNX model that returns its input."""
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "identity", tensors[:1], tensors[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def test_a_valid_configuration_is_reported_in_one_line(project: ProjectFolder):
    project.model("churn")
    project.artefact("churn")
    done = project.run("validate")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "1 model is valid\n", "")
    project.model("iris")
    project.artefact("iris")
    assert project.run("validate").stdout == "2 models are valid\n"


def test_programs_read_what_is_valid(project: ProjectFolder):
    project.model("churn")
    project.artefact("churn")
    assert project.json("validate") == {"valid": True, "models": ["churn"], "errors": [], "warnings": [], "refused": {}}


def test_every_error_in_the_yaml_is_shown_with_its_place(project: ProjectFolder):
    project.model("churn", "replcas: 2\nruntime: tensorflow\n")
    done = project.run("validate")
    assert (done.exit_code, done.stdout) == (1, "")
    file = project.config / "models" / "churn.yaml"
    assert f"{file}:2:1: error: unknown key 'replcas'" in done.stderr
    assert "^^^^^^^ did you mean 'replicas'?" in done.stderr
    assert f"{file}:3:10: error:" in done.stderr


def test_the_json_output_lists_every_error(project: ProjectFolder):
    project.model("churn", "replcas: 2\n")
    result = project.json("validate", exit_code=1)
    (error,) = result["errors"]
    assert result["valid"] is False
    assert (error["line"], error["column"], error["suggestion"]) == (2, 1, "did you mean 'replicas'?")


def test_text_that_looks_like_markup_is_shown_as_it_is(project: ProjectFolder):
    project.model("churn", "'[red]x[/red]': 2\n")
    assert "[red]x[/red]" in project.run("validate").stderr


def test_a_model_without_an_artefact_is_rejected_with_its_file_and_reason(project: ProjectFolder):
    project.model("churn")
    project.artefact("Churn-Model")
    done = project.run("validate")
    assert done.exit_code == 1
    assert done.stderr == (
        f"{project.config / 'models' / 'churn.yaml'}:1:7: error: churn: there is no folder churn in the model repository\n"
        "    1 | name: churn\n"
        "      |       ^^^^^ did you mean the folder Churn-Model? If so, add 'path: Churn-Model'\n"
    )
    result = project.json("validate", exit_code=1)
    assert result["refused"] == {"churn": "there is no folder churn in the model repository"}
    assert result["valid"] is False


def test_a_configuration_that_is_not_there_is_an_error_and_not_a_traceback(project: ProjectFolder):
    done = run("validate", "--config", str(project.root / "elsewhere"))
    assert done.exit_code == 1
    assert done.stderr == f"{project.root / 'elsewhere'}: error: there is no such folder\n"


@pytest.mark.parametrize("arguments", [["validate", "--dep"], ["validate", "-o", "xml"], ["validat"], ["logs"]])
def test_wrong_usage_has_an_exit_code_of_its_own(arguments):
    assert run(*arguments).exit_code == 2


def test_deep_loads_each_model_and_tries_it_on_an_example(project: ProjectFolder):
    project.model("churn")
    project.artefact("churn", identity())
    done = project.run("validate", "--deep")
    assert (done.exit_code, done.stdout) == (0, "1 model is valid, loaded and run on an example\n")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"weights", "model.onnx"),
        (identity()[:40], "model.onnx"),
    ],
    ids=["no model", "truncated"],
)
def test_deep_finds_what_does_not_load(project: ProjectFolder, content: bytes, reason: str):
    project.model("good")
    project.artefact("good", identity())
    project.model("bad")
    project.artefact("bad", content)
    assert project.run("validate").exit_code == 0
    result = project.json("validate", "--deep", exit_code=1)
    assert list(result["refused"]) == ["bad"]
    assert reason in result["refused"]["bad"]


def test_deep_runs_the_operators_own_example(project: ProjectFolder):
    project.model("churn")
    project.artefact("churn", identity())
    project.artefact("churn", b'{"inputs": {"x": [[1, 2, 3]]}}', file="example.json")
    assert list(project.json("validate", "--deep", exit_code=1)["refused"]) == ["churn"]
    project.artefact("churn", b'{"inputs": {"x": [[1, 2], [3, 4]]}}', file="example.json")
    assert project.json("validate", "--deep")["valid"] is True


@pytest.mark.parametrize(
    ("lines", "place", "message"),
    [
        ("versions: [1, 3]", "2:11", "churn: version 3 is not in churn: there is 1"),
        ("runtime: sklearn", "2:10", "churn: version 1 contains model.onnx, which needs `runtime: onnx`"),
        ("path: churm", "2:7", "churn: there is no folder churm in the model repository"),
    ],
)
def test_a_problem_of_the_repository_is_reported_at_the_related_key(project: ProjectFolder, lines, place, message):
    project.model("churn", lines + "\n")
    project.artefact("churn")
    result = project.run("validate").stderr
    assert result.startswith(f"{project.config / 'models' / 'churn.yaml'}:{place}: error: {message}")
    assert ("did you mean the folder churn?" in result) is ("churm" in lines)


def test_a_folder_without_a_similar_name_is_reported_with_the_existing_folders(project: ProjectFolder):
    project.model("zebra")
    project.artefact("churn")
    project.artefact("iris")
    assert "the repository contains churn, iris" in project.run("validate").stderr


def test_a_missing_repository_is_one_error_and_not_one_a_model(project: ProjectFolder):
    project.model("a")
    project.model("b")
    done = project.run("validate")
    assert done.exit_code == 1
    assert done.stderr == (
        f"{project.repository}: error: the model repository does not exist, so no model can be served; "
        "set repository.path in server.yaml\n"
    )


def test_tls_files_that_are_no_certificate_are_an_error(project: ProjectFolder):
    project.write("server.yaml", "tls: {certificate: a.pem, key: a.key}\n")
    for name in ("a.pem", "a.key"):
        (project.root / name).write_text("no pem")
    done = project.run("validate")
    assert done.exit_code == 1
    assert "server.yaml: error: tls: " in done.stderr
    assert "are not a certificate and its key" in done.stderr
