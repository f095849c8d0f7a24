"""Commands that need no server: config show, schema, render, --help; and the errors of others without one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from modelyard.config.load import load
from modelyard.config.pool_spec import PoolSpec
from modelyard.config.schema import schemas
from modelyard.config.yaml_writer import model_values
from modelyard.control.desired import ConfigReader
from tests.unit.cli.project_folder import ProjectFolder, run

COMMANDS = [
    "up",
    "validate",
    "plan",
    "apply",
    "rollback",
    "status",
    "logs",
    "config",
    "config show",
    "schema",
    "render",
]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself(command):
    done = run(*command.split(), "--help")
    assert done.exit_code == 0
    assert "Usage" in done.stdout


def test_the_help_lists_every_command():
    shown = run("--help").stdout
    assert all(f" {command.split()[0]} " in shown for command in COMMANDS)


def test_config_show_fills_in_every_default_and_can_be_read_again(project: ProjectFolder, tmp_path: Path):
    project.model("churn", "replicas: 2\n")
    done = project.run("config", "show")
    assert done.exit_code == 0
    documents = list(yaml.safe_load_all(done.stdout))
    assert documents[0]["http"] == {"host": "127.0.0.1", "port": 8000, "cors": []}
    assert documents[1]["replicas"] == {"min": 2, "max": 2, "target_in_flight": 8.0}


def test_config_show_for_programs_holds_the_same(project: ProjectFolder):
    project.model("churn", "replicas: 2\n")
    result = project.json("config", "show")
    assert result["server"]["repository"]["settle_s"] == 0
    assert result["models"] == [model_values(load(project.config, {}).models[0], "json")]
    assert result["pools"] == []


def test_config_show_for_programs_lists_pools(project: ProjectFolder):
    (project.config / "pools").mkdir()
    (project.config / "pools" / "small.yaml").write_text("name: small\nmemory: 1GiB\n")
    (project.config / "models" / "churn.yaml").write_text("name: churn\npool: small\n")
    result = project.json("config", "show")
    assert result["pools"] == [PoolSpec(name="small", memory=2**30).model_dump(mode="json")]
    assert result["models"][0]["pool"] == "small"
    assert not {"replicas", "resources"} & {*result["models"][0]}


@pytest.mark.parametrize("command", ["config show", "render", "plan", "apply", "status", "logs churn", "up"])
def test_a_error_in_the_yaml_ends_every_command_alike(project: ProjectFolder, command: str):
    project.model("churn", "replcas: 2\n")
    done = project.run(*command.split())
    assert done.exit_code == 1
    assert "error: unknown key 'replcas'" in done.stderr
    assert done.stdout == ""


def test_schema_writes_what_editors_read(tmp_path: Path):
    done = run("schema", "--to", str(tmp_path / "a" / "schema"))
    assert done.exit_code == 0
    for name, text in schemas().items():
        assert (tmp_path / "a" / "schema" / name).read_text() == text
        assert json.loads(text)["$schema"].startswith("https://json-schema.org/")


def test_render_prints_the_config_that_serve_deploy_accepts(project: ProjectFolder):
    project.model("churn", 'description: "yes: é"\noptions: {a: [1, {b: null}]}\n')
    project.model("iris")
    project.artefact("churn")
    project.artefact("iris")
    done = project.run("render")
    assert done.exit_code == 0
    assert yaml.safe_load(done.stdout) == ConfigReader(project.config, {}).read().serve_config({})
    assert "&id" not in done.stdout, "no YAML anchors, which are hard to read"


def test_render_skips_models_that_cannot_be_served_and_reports_them(project: ProjectFolder):
    project.model("churn")
    project.model("iris")
    project.artefact("iris")
    done = project.run("render")
    assert done.exit_code == 1
    assert done.stderr == "skipped churn: there is no folder churn in the model repository\n"
    assert [each["name"] for each in yaml.safe_load(done.stdout)["applications"]] == ["gateway", "iris"]


@pytest.mark.parametrize("command", ["plan", "plan --exit-code", "apply", "apply --wait", "status"])
def test_without_a_server_a_command_prints_how_to_start_one(project: ProjectFolder, command: str):
    project.model("churn")
    done = project.run(*command.split())
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"error: no server of {project.config} runs here; start it with `modelyard up`\n"


def test_logs_of_a_model_that_never_ran_are_an_error(project: ProjectFolder):
    project.model("churn")
    done = project.run("logs", "churn")
    assert (done.exit_code, done.stderr) == (1, "no logs of model 'churn'\n")


@pytest.mark.parametrize("command", ["--help", "validate", "config show", "schema", "render"])
def test_what_needs_no_server_does_not_load_ray(project: ProjectFolder, command: str):
    project.model("churn")
    project.artefact("churn")
    where = {"--help": [], "schema": ["--to", str(project.root / "schema")]}.get(command, ["-c", str(project.config)])
    program = """
import sys
from modelyard.cli.main import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
loaded = {name.partition(".")[0] for name in sys.modules} & {"ray", "sklearn", "onnxruntime"}
sys.exit(", ".join(loaded) or 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *command.split(), *where], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_the_help_does_not_wait_for_the_specs():
    program = "import sys, modelyard.cli.main; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("command", ["up", "plan", "apply", "status"])
def test_a_cluster_that_does_not_respond_is_reported_at_once(project: ProjectFolder, command):
    project.write("server.yaml", 'repository: {settle_s: 0}\nray: {address: "127.0.0.1:1"}\n')
    done = project.run(command)
    assert done.exit_code == 1
    assert "cannot connect to 127.0.0.1:1" in done.output
