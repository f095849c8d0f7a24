"""Unit tests do not use Ray: an import of it during their collection or run fails them, at the place of the import."""

import builtins
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@contextmanager
def without_ray() -> Iterator[None]:
    """Fail on `import ray`. Checks the statement and not sys.modules, because other tests of the same run may have loaded it."""
    real = builtins.__import__

    def guarded(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "ray":
            pytest.fail(f"a unit test imported {name}; what needs Ray is tested in tests/contract or tests/serve")
        return real(name, *args, **kwargs)

    builtins.__import__ = guarded
    try:
        yield
    finally:
        builtins.__import__ = real


def _guard(node: pytest.Item | pytest.Collector) -> AbstractContextManager[None]:
    return (
        without_ray() if node.path.is_relative_to(HERE) else nullcontext()
    )  # hooks are called for every test of the run


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    with _guard(collector):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Any:
    with _guard(item):
        return (yield)
