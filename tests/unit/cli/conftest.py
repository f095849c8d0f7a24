"""A configuration of the test's own."""

from pathlib import Path

import pytest

from tests.unit.cli.yard import Yard


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)
