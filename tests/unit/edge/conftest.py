"""An edge in a folder of the test's own."""

from pathlib import Path

import pytest

from tests.unit.edge.proxy import Edge


@pytest.fixture
def edge(tmp_path: Path) -> Edge:
    return Edge(tmp_path)
