"""A configuration on disk with a repository beside it, and the command run on it."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from modelyard.cli.main import app


class Yard:
    """Versions settle at once; a model is a file `model.onnx`, which nothing here loads."""

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
    """The command with these arguments; what it raises is raised here."""
    return CliRunner().invoke(app, arguments, catch_exceptions=False)
