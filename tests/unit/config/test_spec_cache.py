"""A load with a cache gives the same as a load without one, and parses only what has changed."""

import pytest

from modelyard.config.diagnostic import SpecError
from modelyard.config.load import Config, load
from modelyard.config.spec_cache import SpecCache

FILES = {
    "server.yaml": "defaults: {pool: small, limits: {queue: 9}}\n",
    "pools/small.yaml": "name: small\nmemory: 1GiB\n",
    "models/a.yaml": "name: a\ndescription: ${WHAT:-nothing}\n",
    "models/b.yaml": "name: b\n",
}


def loaded(folder, cache: SpecCache, **environ: str) -> Config:
    """Loads with the cache, and checks that a load without it gives the same."""
    config = load(folder.path, environ, cache)
    assert config == load(folder.path, environ)
    return config


@pytest.fixture
def cache(folder) -> SpecCache:
    cache = SpecCache()
    loaded(folder.write(FILES), cache)
    return cache


def test_a_file_that_has_not_changed_is_not_read_as_another_spec(folder, cache):
    before = loaded(folder, cache)
    after = loaded(folder.write({"models/b.yaml": "name: b\nlabels: [x]\n"}), cache)
    assert after.models[0] is before.models[0]
    assert after.pools[0] is before.pools[0]
    assert after.server is before.server
    assert after.models[1].labels == ["x"]


def test_a_change_of_the_same_size_is_noticed(folder, cache):
    folder.write({"pools/small.yaml": "name: small\nmemory: 2GiB\n"})
    assert loaded(folder, cache).pools[0].memory == 2 * 2**30


def test_changed_defaults_change_every_model(folder, cache):
    folder.write({"server.yaml": "defaults: {pool: small, limits: {queue: 3}}\n"})
    assert [model.limits.queue for model in loaded(folder, cache).models] == [3, 3]


def test_a_server_file_that_was_removed_leaves_no_defaults(folder, cache):
    (folder.path / "server.yaml").unlink()
    assert [(model.pool, model.limits.queue) for model in loaded(folder, cache).models] == [(None, 256)] * 2


def test_another_environment_changes_what_its_variables_are_in(folder, cache):
    assert loaded(folder, cache, WHAT="one").models[0].description == "one"
    assert loaded(folder, cache, WHAT="two").models[0].description == "two"


def test_an_error_is_reported_as_long_as_it_is_there(folder, cache):
    folder.write({"models/b.yaml": "name: b\nlimits: {queue: x}\nversionz: 1\n"})
    errors = folder.errors()
    for _ in range(2):
        with pytest.raises(SpecError) as caught:
            load(folder.path, {}, cache)
        assert list(caught.value.diagnostics) == errors
    folder.write({"models/b.yaml": "name: b\n"})
    assert len(loaded(folder, cache).models) == 2


def test_a_removed_file_is_dropped_and_may_come_back(folder, cache):
    (folder.path / "models/b.yaml").unlink()
    assert [model.name for model in loaded(folder, cache).models] == ["a"]
    assert [model.name for model in loaded(folder.write(FILES), cache).models] == ["a", "b"]


def test_a_file_that_cannot_be_read_is_an_error_also_if_it_was_read_before(folder, cache):
    folder.write({"models/b.yaml": b"name: \xff"})
    with pytest.raises(SpecError, match="not UTF-8"):
        load(folder.path, {}, cache)


def test_a_copy_goes_its_own_way(folder, cache):
    other = cache.copy()
    before = load(folder.path, {}, cache)
    folder.write({"models/a.yaml": "name: c\n"})
    assert [model.name for model in loaded(folder, other).models] == ["b", "c"]
    folder.write(FILES)
    assert load(folder.path, {}, cache).models[0] is before.models[0]
