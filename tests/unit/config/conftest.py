"""A configuration folder to write files into, and its errors as an operator reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from modelyard.config.diagnostic import Diagnostic, SpecError
from modelyard.config.load import Config, load


@dataclass
class Folder:
    path: Path

    def write(self, files: Mapping[str, str | bytes]) -> "Folder":
        for name, content in files.items():
            file = self.path / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    def load(self, **environ: str) -> Config:
        return load(self.path, environ)

    def errors(self, **environ: str) -> list[Diagnostic]:
        with pytest.raises(SpecError) as caught:
            self.load(**environ)
        return list(caught.value.diagnostics)

    def reported(self, **environ: str) -> list[str]:
        """file:line:column: message; suggestion, the file relative to the folder."""
        return [
            f"{Path(error.path).relative_to(self.path)}:{error.line}:{error.column}: {error.message}"
            + (f"; {error.suggestion}" if error.suggestion else "")
            for error in self.errors(**environ)
        ]

    def of_model(self, text: str, **environ: str) -> list[str]:
        """The errors of one model's file, without its name."""
        reported = self.write({"models/m.yaml": text}).reported(**environ)
        assert all(line.startswith("models/m.yaml:") for line in reported)
        return [line.removeprefix("models/m.yaml:") for line in reported]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    path = tmp_path / "serve_config"
    path.mkdir()
    return Folder(path)
