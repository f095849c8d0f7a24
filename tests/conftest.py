"""Settings of all tests, and how they are spread over processes."""

from pathlib import Path

import pytest
from hypothesis import settings

# No deadline: a busy machine may need long for an example.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

TESTS = Path(__file__).parent
WITH_SERVERS = ("serve", "faults", "monitoring")
"""Folders whose tests share one server, so each is run by one process. These come first, since they take the longest."""


@pytest.hookimpl(tryfirst=True)  # xdist reads the marks in the same hook
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With several processes (`pytest -n 2 --dist loadgroup`), one runs the tests of a file, or of a folder with servers."""
    if not config.getoption("numprocesses", default=None) and not hasattr(config, "workerinput"):
        return
    for item in items:
        folder, *_ = place = item.path.relative_to(TESTS).parts
        item.add_marker(pytest.mark.xdist_group(folder if folder in WITH_SERVERS else "/".join(place)))
    order = {folder: index for index, folder in enumerate(WITH_SERVERS)}
    items.sort(key=lambda item: order.get(item.path.relative_to(TESTS).parts[0], len(order)))
