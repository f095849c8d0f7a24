"""Loading a folder into a Config, and the errors of invalid folders."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.config.diagnostic import SpecError
from modelyard.config.load import load
from modelyard.config.model_spec import Batching, Limits, ModelSpec, Replicas, Resources
from modelyard.config.server_spec import ServerSpec
from modelyard.config.spec_file import MAX_ERRORS


def test_a_name_is_all_that_a_model_needs(folder):
    config = folder.write({"models/churn.yaml": "name: churn\n"}).load()
    assert config.server == ServerSpec()
    assert config.models == (ModelSpec(name="churn"),)
    assert config.sources == {"churn": folder.path / "models/churn.yaml"}
    assert config.root == folder.path.parent


def test_the_file_that_the_design_shows_is_read(folder):
    text = """\
# yaml-language-server: $schema=../schema/model.json
name: churn                     # the route is /models/churn unless `route` says otherwise
runtime: onnx                   # onnx | sklearn | python:<module>:<Class>; default: from the artefact
versions: latest                # latest | all | {latest: 2} | [1, 3]
replicas: {min: 1, max: 4, target_in_flight: 8}       # or a number; min: 0 scales to zero
batching: {max_size: 64, max_delay_ms: 0}
limits: {queue: 256, timeout_s: 10}
resources: {cpus: 1, memory: 512MiB}
"""
    (spec,) = folder.write({"models/churn.yaml": text}).load().models
    assert spec == ModelSpec(
        name="churn",
        runtime="onnx",
        versions="latest",
        replicas=Replicas(min=1, max=4, target_in_flight=8),
        batching=Batching(max_size=64, max_delay_ms=0),
        limits=Limits(queue=256, timeout_s=10),
        resources=Resources(cpus=1, memory=512 * 2**20),
    )


def test_the_misspelt_key_that_the_design_shows_is_rendered_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("serve_config/models").mkdir(parents=True)
    Path("serve_config/models/churn.yaml").write_text("name: churn\nruntime: onnx\n\nreplcas: 2\n")
    with pytest.raises(SpecError) as caught:
        load(Path("serve_config"), {})
    assert str(caught.value) == (
        "serve_config/models/churn.yaml:4:1: error: unknown key 'replcas'\n"
        "    4 | replcas: 2\n"
        "      | ^^^^^^^ did you mean 'replicas'?"
    )


def test_models_are_sorted_by_name_and_hidden_or_backup_files_are_ignored(folder):
    kept = {"models/z.yaml": "name: a", "models/b.yml": "name: c", "models/a.yaml": "name: b"}
    left = [
        "models/.z.yaml",
        "models/#z.yaml",
        "models/~z.yaml",
        "models/z.yaml~",
        "models/z.yaml.swp",
        "models/README.md",
    ]
    config = folder.write(kept | dict.fromkeys(left, "]")).load()
    assert [model.name for model in config.models] == ["a", "b", "c"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\ufeff# nothing\n"])
def test_an_empty_server_file_means_the_defaults(folder, text):
    assert folder.write({"server.yaml": text}).load().server == ServerSpec()


def test_no_models_are_no_error(folder):
    assert folder.load().models == ()


def test_relative_paths_start_at_the_parent_folder(folder):
    config = folder.write({"server.yaml": "repository: {path: ../models}\nstate: /var/lib/modelyard\n"}).load()
    assert config.repository_root == folder.path.parent / "../models"
    assert config.state_dir == Path("/var/lib/modelyard")


def test_relative_paths_start_at_the_parent_of_a_link_to_the_folder(folder, tmp_path):
    folder.write({"models/m.yaml": "name: m"})
    link = tmp_path / "elsewhere" / "serve_config"
    link.parent.mkdir()
    link.symlink_to(folder.path)
    assert load(link, {}).root == link.parent


def test_a_missing_folder_is_reported(tmp_path):
    with pytest.raises(SpecError, match="no-such: error: there is no such folder"):
        load(tmp_path / "no-such", {})


def test_a_folder_without_permission_is_reported(tmp_path):
    with pytest.raises(SpecError, match="error: cannot be read: File name too long"):
        load(tmp_path / ("x" * 300), {})


def test_a_file_in_place_of_the_folder_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecError, match="file: error: not a folder"):
        load(tmp_path / "file", {})


def test_a_file_in_place_of_the_models_is_reported(folder):
    assert folder.write({"models": ""}).reported() == ["models:0:0: not a folder"]


def test_a_server_file_with_the_wrong_name_is_reported(folder):
    reported = folder.write({"server.yml": ""}).reported()
    assert reported == ["server.yml:0:0: this file is ignored; its name must be server.yaml"]


def test_a_folder_named_like_a_model_file_is_reported(folder):
    (folder.path / "models" / "m.yaml").mkdir(parents=True)
    assert folder.reported() == ["models/m.yaml:0:0: not a regular file"]


def test_all_errors_of_all_files_are_reported_together(folder):
    folder.write(
        {
            "server.yaml": "http: {port: 0}\nbdy: 1\n",
            "models/a.yaml": "name: a\nx: 1\nreplicas: four\n",
            "models/b.yaml": "name: b\n\tx: 1\n",
            "models/c.yaml": b"name: \xff",
            "models/d.yaml": "name: d\nlimits: {queue: 0}\npath: ${NOPE}\nname: e\n",
            "models/fine.yaml": "name: fine\n",
        }
    )
    assert [line.split(": ")[0] for line in folder.reported()] == [
        "models/a.yaml:2:1",
        "models/a.yaml:3:11",
        "models/b.yaml:2:1",
        "models/c.yaml:1:7",
        "models/d.yaml:2:17",
        "models/d.yaml:3:7",
        "models/d.yaml:4:1",
        "server.yaml:1:14",
        "server.yaml:2:1",
    ]


ANYTHING = st.text(st.characters(codec="utf-8"), max_size=30)
WORDS = (
    "name replicas min limits versions latest route options labels defaults body m x 1 012 -1 .nan 1e99 true ~ 1MiB é"
)
MARKS = [
    *"[]{}#|/'\"$\n\t",
    ": ",
    ":\n  ",
    "- ",
    ", ",
    "  ",
    "${A}",
    "${B:-1}",
    "$$",
    "&a ",
    "*a",
    "!t ",
    "<<",
    "...",
    "\0",
]
FRAGMENTS = st.lists(st.sampled_from([*WORDS.split(), *MARKS]), max_size=25).map("".join)
"""Parts of such files, in any order."""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(server=ANYTHING | FRAGMENTS, model=ANYTHING | FRAGMENTS.map("name: m\n".__add__) | FRAGMENTS)
def test_any_text_is_a_config_or_a_spec_error(folder, server, model):
    folder.write({"server.yaml": server, "models/m.yaml": model})
    try:
        folder.load(A="1")
    except SpecError as error:
        assert str(error)
        assert "Input should" not in str(error)
        assert "something else" not in str(error)


def test_the_hundred_first_error_of_a_file_is_the_last(folder):
    reported = folder.of_model("name: m\n" + "trusted: true\n" * (MAX_ERRORS + 50))
    assert len(reported) == MAX_ERRORS + 1
    assert reported[-1].endswith(": there are more errors from here on; fix the others first")


@pytest.mark.parametrize(
    ("name", "message"), [("nowhere", "there is no such folder"), ("x" * 300, "cannot be read: File name too long")]
)
def test_a_folder_that_cannot_be_read_is_an_error_of_the_whole_folder(tmp_path, name, message):
    with pytest.raises(SpecError) as caught:
        load(tmp_path / name, {})
    (problem,) = caught.value.diagnostics
    assert (problem.path, problem.line, problem.column, problem.message) == (str(tmp_path / name), 0, 0, message)


def test_the_places_of_server_yaml_are_kept_if_it_has_keys(folder):
    assert folder.load().server_node is None
    assert folder.write({"server.yaml": "---\n"}).load().server_node is None
    node = folder.write({"server.yaml": "state: here\n"}).load().server_node
    assert node is not None
    assert list(node.keys) == ["state"]
