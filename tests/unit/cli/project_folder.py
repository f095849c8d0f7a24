"""A configuration and a model repository on disk, and the command on them."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from modelyard.cli.main import app


class ProjectFolder:
    """Versions count as complete at once. A model is a file `model.onnx`, which is never loaded."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config = root / "serve_config"
        self.repository = root / "model_repository"
        (self.config / "models").mkdir(parents=True)
        self.write("server.yaml", "repository: {settle_s: 0}")

    def write(self, name: str, text: str) -> None:
        (self.config / name).write_text(text)

    def model(self, name: str, more: str = "") -> None:
        self.write(f"models/{name}.yaml", f"name: {name}\n{more}")

    def artefact(self, name: str, content: bytes = b"weights", file: str = "model.onnx") -> None:
        path = self.repository / name / "1" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def run(self, *arguments: str) -> Result:
        return run(*arguments, "--config", str(self.config))

    def json(self, *arguments: str, exit_code: int = 0) -> Any:
        done = self.run(*arguments, "-o", "json")
        assert done.exit_code == exit_code, done.output
        return json.loads(done.stdout)


def run(*arguments: str) -> Result:
    """Run the command with these arguments. Its exceptions propagate."""
    return CliRunner().invoke(app, arguments, catch_exceptions=False)
