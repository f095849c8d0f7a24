"""An edge in a folder of the test's own."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.edge.proxy import Edge


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    edge = Edge(tmp_path)
    yield edge
    edge.close()


@pytest.fixture
def admin() -> Iterator[Path]:
    """A path for HAProxy's admin socket that is short enough for it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder) / "admin.sock"
