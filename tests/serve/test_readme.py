"""The commands of the README, run unchanged against the real server except for the port."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelyard.config.load import load
from tests.serve.project import COMMAND, Server

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
ASKED = re.findall(r"```bash\n(.*?)```\n```json\n(.*?)```", README, re.DOTALL)
FILES = re.findall(r"```yaml\n# (serve_config/\S+)\n(.*?)```", README, re.DOTALL)
BIN = str(Path(COMMAND).parent)
CHANGES = re.findall(
    r"```bash\n(.*?)```", README.partition("## Update, roll back or delete a model")[2].partition("\n## ")[0], re.DOTALL
)
STEPS = re.findall(r"^   ```bash\n(.*?)^   ```", README, re.DOTALL | re.MULTILINE)


def run(server: Server, command: str) -> str:
    """Run in the project's folder, with the environment where `make serve` puts it, and not on the path."""
    environment = server.project.root / ".venv"
    if not environment.exists():
        environment.symlink_to(Path(COMMAND).parents[1])
    done = subprocess.run(
        ["bash", "-ec", command.replace(":8000", f":{server.project.port}")],
        cwd=server.project.root,
        env={**os.environ, "PATH": ":".join(path for path in os.environ["PATH"].split(":") if path != BIN)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def about(value: Any) -> Any:
    """Equal to a value with the same texts and approximately the same numbers, as another processor computes them."""
    if isinstance(value, list):
        return [about(item) for item in value]
    if isinstance(value, dict):
        return {key: about(item) for key, item in value.items()}
    return pytest.approx(value, rel=0.01, abs=0.01) if isinstance(value, float) else value


@pytest.mark.parametrize(("command", "shown"), ASKED, ids=[re.search(r"models/([\w-]+)", c)[1] for c, _ in ASKED])
def test_a_command_of_the_readme_prints_what_it_shows(server: Server, command: str, shown: str) -> None:
    assert json.loads(run(server, command)) == about(json.loads(shown))


def test_every_example_model_is_used_in_the_readme() -> None:
    sent = {name for command, _ in ASKED for name in re.findall(r"models/([\w-]+)/predict", command)}
    configured = {path.stem for path in (ROOT / "serve_config" / "models").glob("*.yaml")}
    assert sent == configured


@pytest.mark.parametrize(("path", "shown"), FILES, ids=[path for path, _ in FILES])
def test_a_file_of_the_examples_has_the_settings_that_the_readme_shows(path: str, shown: str) -> None:
    assert yaml.safe_load(shown).items() <= yaml.safe_load((ROOT / path).read_text()).items()


def test_the_examples_in_the_pool_and_the_one_that_scales_are_those_of_the_readme() -> None:
    models = {model.name: model for model in load(ROOT / "serve_config", {}).models}
    assert sorted(name for name, model in models.items() if not model.pool) == ["breast-cancer", "zen"]
    assert [name for name, model in models.items() if model.replicas.max > 1] == ["breast-cancer"]
    assert "Five of the examples are in the pool `small`" in README


def test_the_steps_of_the_readme_serve_a_model_change_it_and_remove_it(server: Server) -> None:
    publish, configure, show = STEPS
    second, back, slow, remove = CHANGES

    def version() -> str:
        """The version that serves requests without a version."""
        response = server.predict("flowers", {"instances": [[5.1, 3.5, 1.4, 0.2]]})
        return str(response.json().get("model_version"))

    try:
        run(server, publish)
        run(server, configure)
        server.wait_for(lambda: version() == "1", what="the model of the three steps")
        server.wait_for(lambda: server.status()["flowers"]["state"] == "READY", what="the status, a second old at most")
        assert re.search(r"^flowers +READY", run(server, show), re.MULTILINE)
        run(server, second)
        assert version() == "2"
        assert "+versions: [1]" in run(server, back)
        assert version() == "1"
        run(
            server, slow.replace("--since 1h\n", "--since 1h || true\n", 1)
        )  # without a slow request, the exit code is 1, as of grep
        run(server, remove)
        server.wait_for(lambda: "flowers" not in server.models(), what="the removal")
    finally:
        (server.project.models / "flowers.yaml").unlink(missing_ok=True)
        server.wait_for(lambda: "flowers" not in server.models())
        shutil.rmtree(server.project.repository / "flowers", ignore_errors=True)
