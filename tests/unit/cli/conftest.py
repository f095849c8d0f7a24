"""A temporary configuration."""

from pathlib import Path

import pytest

from tests.unit.cli.project_folder import ProjectFolder


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    return ProjectFolder(tmp_path)
