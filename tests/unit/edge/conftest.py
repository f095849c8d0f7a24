"""An edge in a folder of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.edge.proxy import Edge


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    edge = Edge(tmp_path)
    yield edge
    edge.close()
