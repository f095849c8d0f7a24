"""Garbage collection skips the objects that were there before."""

import gc
from collections.abc import Iterator

import pytest

from modelyard.replica.process_memory import collect_released, freeze_loaded, tune_gc


@pytest.fixture
def collector() -> Iterator[None]:
    """Restores the collector for the other tests in this process."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


class Node:
    """Garbage that only the collector finds, as it references itself."""

    def __init__(self, freed: list[str], name: str) -> None:
        self.itself = self
        self._freed, self._name = freed, name

    def __del__(self) -> None:
        self._freed.append(self._name)


@pytest.mark.usefixtures("collector")
def test_earlier_objects_are_not_traversed_and_later_garbage_is_still_collected() -> None:
    freed: list[str] = []
    old = Node(freed, "old")
    tune_gc()
    assert gc.get_freeze_count() > 0
    Node(freed, "new")
    del old
    gc.collect()
    assert freed == ["new"]
    gc.unfreeze()
    gc.collect()
    assert freed == ["new", "old"]


@pytest.mark.usefixtures("collector")
def test_a_loaded_model_is_excluded_from_collections_and_the_garbage_of_its_load_is_not():
    tune_gc()
    freed: list[str] = []
    Node(freed, "garbage of the load")
    model = Node(freed, "model")
    freeze_loaded()
    assert freed == ["garbage of the load"]
    model.itself = None
    del model
    assert freed == ["garbage of the load", "model"], "by its reference count"


@pytest.mark.usefixtures("collector")
def test_cycles_of_a_released_model_are_freed_and_what_is_loaded_stays_excluded() -> None:
    tune_gc()
    freed: list[str] = []
    resident, released = Node(freed, "resident"), Node(freed, "released")
    freeze_loaded()
    del released
    gc.collect()
    assert freed == []
    collect_released()
    assert freed == ["released"]
    del resident
    gc.collect()
    assert freed == ["released"], "it is excluded again"
