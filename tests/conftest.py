"""Settings of all tests, and how they are spread over processes."""

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

# A property holds or does not, however long a busy machine takes over an example.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

WITH_SERVERS = ("serve", "faults", "monitoring")
"""Folders whose tests share a server. They come first, since they take the longest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {folder: number for number, folder in enumerate(WITH_SERVERS)}
    items.sort(key=lambda item: order.get(_folder(item.nodeid), len(order)))


@pytest.hookimpl(optionalhook=True)  # absent without pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadScopeScheduling":
    """One process runs the tests of a file, or of a folder in WITH_SERVERS."""
    from xdist.scheduler import LoadScopeScheduling

    class ByServer(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            folder = _folder(nodeid)
            return folder if folder in WITH_SERVERS else nodeid.partition("::")[0]

    return ByServer(config, log)


def _folder(nodeid: str) -> str:
    """The folder below tests/ of a test."""
    return nodeid.split("/", 2)[1]
