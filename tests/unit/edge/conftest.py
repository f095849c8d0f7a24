"""An edge in a temporary folder."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.edge.proxy import Edge


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for Unix sockets in it. Those of `tmp_path` are too long in pytest-xdist's processes."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def edge(short_folder: Path) -> Iterator[Edge]:
    edge = Edge(short_folder)
    yield edge
    edge.close()


@pytest.fixture
def admin() -> Iterator[Path]:
    """A path for HAProxy's admin socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder) / "admin.sock"
