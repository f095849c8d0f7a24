"""Models of pools: `pool`, `load` and `pinned`, defaults of server.yaml, and which models may share a process."""

import pytest

from modelyard.config.model_spec import Replicas, Resources
from modelyard.config.pool_spec import PoolSpec

SMALL = {"pools/small.yaml": "name: small\nmemory: 1GiB\n"}
DEFAULT = {"server.yaml": "defaults: {pool: small}\n"}


def test_a_model_joins_a_pool_by_its_name(folder):
    files = {"models/a.yaml": "name: a\npool: small\nload: lazy\npinned: true\n", "models/b.yaml": "name: b\n"}
    config = folder.write(SMALL | files).load()
    a, b = config.models
    assert (a.pool, a.load, a.pinned) == ("small", "lazy", True)
    assert (b.pool, b.load, b.pinned) == (None, None, False)
    assert config.pool_of(a) == PoolSpec(name="small", memory=2**30)
    assert config.pool_of(b) is None


def test_a_pool_without_models_is_valid(folder):
    config = folder.write(SMALL | {"models/a.yaml": "name: a\n"}).load()
    assert [pool.name for pool in config.pools] == ["small"]
    assert config.warnings == ()


@pytest.mark.parametrize("null", ["null", "~", "", "${NO_POOL:-}"])
def test_a_model_leaves_the_default_pool_with_null(folder, null):
    files = {"models/a.yaml": "name: a\n", "models/b.yaml": f"name: b\npool: {null}\nreplicas: 2\n"}
    config = folder.write({"server.yaml": "ray: {cpus: 9}\ndefaults: {pool: small}"} | SMALL | files).load()
    a, b = config.models
    assert (a.pool, b.pool, b.replicas) == ("small", None, Replicas(min=2, max=2))


def test_defaults_of_replicas_and_resources_are_for_models_without_a_pool(folder):
    server = "ray: {cpus: 9}\ndefaults: {replicas: 2, resources: {cpus: 2, memory: 1GiB}, limits: {queue: 7}}\n"
    files = {"models/a.yaml": "name: a\npool: small\n", "models/b.yaml": "name: b\n"}
    a, b = folder.write({"server.yaml": server} | SMALL | files).load().models
    assert (a.replicas, a.resources, a.limits.queue) == (Replicas(), Resources(), 7)
    assert (b.replicas.min, b.resources.cpus, b.limits.queue) == (2, 2, 7)


def test_a_pooled_model_needs_no_room_of_its_own(folder):
    files = {f"models/{n}.yaml": f"name: m{n}\npool: small\n" for n in range(30)}
    assert folder.write({"server.yaml": "ray: {cpus: 1}\n"} | SMALL | files).load().warnings == ()


def test_the_keys_of_a_pool_are_errors_in_the_file_of_a_pooled_model(folder):
    text = "name: a\npool: small\nreplicas: 2\nresources: {cpus: 1}\n"
    folder.write(SMALL | {"models/a.yaml": text})
    where = f"set it in {folder.path}/pools/small.yaml, or remove `pool`"
    has = "the model runs in the replicas of the pool 'small', so"
    assert folder.reported() == [
        f"models/a.yaml:3:1: {has} 'replicas' has no effect here; {where}",
        f"models/a.yaml:4:1: {has} 'resources' has no effect here; {where}",
    ]


def test_in_the_default_pool_the_way_out_is_null(folder):
    folder.write(DEFAULT | SMALL | {"models/a.yaml": "name: a\nreplicas: 2\n"})
    (reported,) = folder.reported()
    assert reported.endswith(f"; set it in {folder.path}/pools/small.yaml, or write `pool: null`")


@pytest.mark.parametrize("line", ["load: lazy", "pinned: true", "pinned: false", "load: null"])
def test_the_keys_of_a_pooled_model_are_errors_without_a_pool(folder, line):
    key = line.partition(":")[0]
    wrong = f"{key!r} has no effect without a pool; add `pool`, or remove it"
    assert folder.of_model(f"name: a\n{line}\n") == [f"2:1: {wrong}"]
    folder.write(DEFAULT | SMALL | {"models/m.yaml": f"name: a\n{line}\npool: null\n"})
    assert folder.reported() == [f"models/m.yaml:2:1: {wrong}"]


def test_an_error_in_the_servers_file_is_no_error_of_models_that_its_defaults_trust(folder):
    server = {"server.yaml": "defaults: {trusted: true, x: 1}\n"}
    folder.write(server | SMALL | pooled(a="", b="trusted: true"))
    assert folder.reported() == ["server.yaml:1:27: unknown key 'x'"]


def test_an_error_in_the_servers_file_is_no_error_of_models_that_count_on_its_defaults(folder):
    folder.write(
        {"server.yaml": "defaults: {pool: small, x: 1}\n"} | SMALL | {"models/a.yaml": "name: a\nload: lazy\n"}
    )
    assert folder.reported() == ["server.yaml:1:25: unknown key 'x'"]


@pytest.mark.parametrize(
    ("pool", "reported"),
    [
        ("smal", "there is no pool 'smal'; did you mean 'small'?"),
        ("large", "there is no pool 'large'; create {folder}/pools/large.yaml"),
        ("none", "there is no pool 'none'; write null for no pool"),
        ("None", "expected the name of a pool, or null for no pool, got the string 'None'; did you mean null?"),
        ("''", "expected the name of a pool, or null for no pool, got the string ''; did you mean null?"),
        ("false", "expected the name of a pool, or null for no pool, got the boolean false; did you mean null?"),
        ("true", "expected the name of a pool, or null for no pool, got the boolean true"),
        ("[small]", "expected the name of a pool, or null for no pool, got a list; did you mean null?"),
        (
            "Small",
            "expected 1 to 63 characters of a-z, 0-9, '.', '_' and '-', starting with a letter or digit, "
            "got the string 'Small'; did you mean 'small'?",
        ),
    ],
)
def test_a_pool_that_does_not_exist_is_an_error_at_the_value(folder, pool, reported):
    folder.write(SMALL)
    assert folder.of_model(f"name: a\npool: {pool}\n") == [f"2:7: {reported.format(folder=folder.path)}"]


def test_an_unknown_default_pool_is_one_error_at_the_servers_file(folder):
    models = {f"models/{name}.yaml": f"name: {name}\n" for name in "abc"}
    folder.write({"server.yaml": "defaults: {pool: smal}\n"} | SMALL | models)
    assert folder.reported() == ["server.yaml:1:18: there is no pool 'smal'; did you mean 'small'?"]


@pytest.mark.parametrize(
    "text", ["name: small\n", "name: small\nmemory: x\n", "name: [\n", "name: ${NOPE}\nmemory: 1GiB\n", ""]
)
def test_an_error_in_a_pools_file_is_no_error_of_its_models(folder, text):
    folder.write({"pools/small.yaml": text, "models/a.yaml": "name: a\npool: small\n"})
    assert {line.partition(":")[0] for line in folder.reported()} == {"pools/small.yaml"}


def test_errors_of_pools_and_models_are_reported_together(folder):
    folder.write(
        {
            "pools/a.yaml": "name: a\nmemory: 1GiB\nreplicas: 0\n",
            "pools/b.yaml": "name: b\n",
            "models/m.yaml": "name: m\npool: c\nreplicas: four\n",
            "models/n.yaml": "name: n\npinned: 1\n",
        }
    )
    assert [line.split(": ")[0] for line in folder.reported()] == [
        "models/m.yaml:2:7",
        "models/m.yaml:3:1",
        "models/m.yaml:3:11",
        "models/n.yaml:2:1",
        "models/n.yaml:2:9",
        "pools/a.yaml:3:11",
        "pools/b.yaml:1:1",
    ]


@pytest.mark.parametrize("key", ["load", "pinned"])
def test_the_keys_of_one_pooled_model_have_no_default(folder, key):
    reported = folder.write({"server.yaml": f"defaults: {{{key}: lazy}}\n"}).reported()
    assert reported == [f"server.yaml:1:12: {key!r} cannot have a default; set it in the model's file"]


def pooled(**models: str) -> dict[str, str]:
    """Files of models in the pool small, each with these further lines."""
    return {f"models/{name}.yaml": f"name: {name}\npool: small\n{lines}\n" for name, lines in models.items()}


MIXED = (
    "the pool 'small' mixes models that may run code of their own ({code}) with models that are not trusted ({other}), "
    "in one process"
)


@pytest.mark.parametrize("line", ["trusted: true", "runtime: python:model:M", "trusted: true\nruntime: python:model:M"])
def test_a_model_that_may_run_code_is_an_error_among_models_that_are_not_trusted(folder, line):
    folder.write(SMALL | pooled(a="", b="", z=line))
    mixed = MIXED.format(code="z", other="a, b")
    assert folder.reported() == [f"models/z.yaml:2:7: {mixed}; use another pool for models that are trusted"]


def test_a_model_that_is_not_trusted_is_an_error_among_models_that_may_run_code(folder):
    folder.write(SMALL | pooled(a="trusted: true", b="trusted: true", z=""))
    mixed = MIXED.format(code="a, b", other="z")
    hint = "use another pool, or set `trusted: true` if you trust the author"
    assert folder.reported() == [f"models/z.yaml:2:7: {mixed}; {hint}"]


def test_a_mixed_pool_of_many_models_is_one_error(folder):
    trusted = {f"t{n}": "trusted: true" for n in range(5)}
    folder.write(SMALL | pooled(**{f"m{n}": "" for n in range(9)}, **trusted))
    mixed = MIXED.format(code="t0, t1, t2 and 2 more", other="m0, m1, m2 and 6 more")
    assert folder.reported() == [f"models/t0.yaml:2:7: {mixed}; use another pool for models that are trusted"]


def test_a_mixed_default_pool_is_reported_at_a_models_name(folder):
    files = {"models/a.yaml": "name: a\n", "models/b.yaml": "name: b\n", "models/z.yaml": "trusted: true\nname: z\n"}
    (reported,) = folder.write(DEFAULT | SMALL | files).reported()
    assert reported.startswith("models/z.yaml:2:7: the pool 'small' mixes ")


@pytest.mark.parametrize("lines", [("trusted: true", "trusted: true\nruntime: python:model:M"), ("", "trusted: false")])
def test_models_that_are_trusted_alike_share_a_pool(folder, lines):
    first, second = lines
    other = {"models/c.yaml": "name: c\ntrusted: true\n", "pools/x.yaml": "name: x\nmemory: 1GiB\n"}
    config = folder.write(SMALL | pooled(a=first, b=second) | other).load()
    assert [model.pool for model in config.models] == ["small", "small", None]
