"""`modelyard init`, and the options of the command itself."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard import __version__, load_config, load_model
from modelyard.cli import init
from modelyard.config.schema import schemas
from tests.unit.cli.project_folder import run

ROOT = Path(__file__).parents[3]
WRITTEN = [
    "model_repository/shipping-cost/1/model.py",
    "serve_config/models/shipping-cost.yaml",
    "serve_config/schema/model.json",
    "serve_config/schema/pool.json",
    "serve_config/schema/server.json",
    "serve_config/server.yaml",
]


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_it_writes_a_configuration_and_a_repository_and_lists_what_it_wrote(tmp_path: Path) -> None:
    folder = tmp_path / "my project"
    done = run("init", str(folder))
    assert (done.exit_code, files_of(folder)) == (0, WRITTEN)
    assert sorted(re.findall(r"^wrote (.*)$", done.stdout, re.M)) == sorted(f"{folder}/{path}" for path in WRITTEN)
    assert f"\ncd '{folder}'\n" in done.stdout


def test_it_writes_into_the_current_folder_where_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "monitoring.py").write_text("ours = True")
    done = run("init")
    assert (done.exit_code, files_of(tmp_path)) == (0, sorted([*WRITTEN, "monitoring.py"]))
    assert "\ncd " not in done.stdout


@pytest.mark.parametrize("there", ["serve_config/server.yaml", "serve_config", "model_repository/churn/1/model.onnx"])
def test_it_writes_nothing_where_a_configuration_or_a_repository_exists(tmp_path: Path, there: str) -> None:
    path = tmp_path / there
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    done = run("init", str(tmp_path))
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"{tmp_path / there.partition('/')[0]} exists; nothing was written" in " ".join(done.stderr.split())
    assert files_of(tmp_path) == [there]
    assert path.read_text() == "mine"


def test_it_overwrites_no_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "serve_config").symlink_to(tmp_path / "gone")
    assert run("init", str(tmp_path)).exit_code == 1
    assert files_of(tmp_path) == []
    assert not (tmp_path / "gone").exists()


def test_the_written_project_is_valid_and_the_example_returns_the_printed_response(tmp_path: Path) -> None:
    done = run("init", str(tmp_path))
    assert load_config(tmp_path / "serve_config").warnings == ()
    body = re.search(r"-d '(.*)'", done.stdout)
    assert body
    with load_model(tmp_path / "model_repository" / "shipping-cost") as model:
        assert model.predict(json.loads(body[1]))["predictions"] == pytest.approx([8.4])


def test_each_key_that_the_examples_file_shows_has_the_default_that_it_shows(tmp_path: Path) -> None:
    run("init", str(tmp_path))
    before = load_config(tmp_path / "serve_config")
    yaml = tmp_path / "serve_config" / "models" / "shipping-cost.yaml"
    shown = re.sub(r"^# (\w+: )", r"\1", yaml.read_text(), flags=re.M)
    assert shown != yaml.read_text()
    yaml.write_text(shown)
    assert load_config(tmp_path / "serve_config").models == before.models


def test_its_server_yaml_is_that_of_the_checkout_and_its_schemas_are_those_of_the_specs() -> None:
    files = init.starter_files()
    assert files["serve_config/server.yaml"] == (ROOT / "serve_config" / "server.yaml").read_bytes()
    assert {name: files[f"serve_config/schema/{name}"].decode() for name in schemas()} == schemas()


def test_version_and_help_have_their_usual_options() -> None:
    assert run("--version").stdout == f"modelyard {__version__}\n"
    assert run("-h").stdout == run("--help").stdout
    assert run("init", "-h").stdout == run("init", "--help").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completions(shell: str) -> None:
    words = {"COMP_WORDS": "modelyard va", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "modelyard va"}
    done = subprocess.run(
        [Path(sys.executable).with_name("modelyard")],
        env={
            **os.environ,
            **words,
            "_MODELYARD_COMPLETE": f"complete_{shell}",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert "validate" in done.stdout
    assert "rollback" not in done.stdout
