"""An edge in a temporary folder."""

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
    """A path for HAProxy's admin socket, short enough for a Unix socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder) / "admin.sock"
