"""A real Prometheus with the simulated data of monitoring/history."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring.history.__main__ import CONFIG, build
from monitoring.history.prometheus import Prometheus


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """With the results of all rules."""
    folder: Path = tmp_path_factory.mktemp("history") / "blocks"
    build(folder)
    with Prometheus(folder, CONFIG) as server:
        yield server
