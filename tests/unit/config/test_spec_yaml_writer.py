"""A Config as YAML loads to the same Config."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.config.datatype import NAMES as NAMES_OF_DATATYPES
from modelyard.config.defaults import POOL_KEYS
from modelyard.config.inputs_spec import InputType
from modelyard.config.load import Config, load
from modelyard.config.model_spec import (
    Batching,
    Limits,
    ModelDefaults,
    ModelSpec,
    Replicas,
    Resources,
    is_model_name,
)
from modelyard.config.pool_spec import PoolResources, PoolSpec
from modelyard.config.server_spec import HttpListen, RepositorySpec, ServerSpec
from modelyard.config.versions_spec import LatestVersions
from modelyard.config.yaml_writer import config_as_yaml, config_files, to_yaml

TEXT = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    [
        "on",
        "1e3",
        "0o12",
        "012",
        "null",
        "~",
        "${A}",
        "$$",
        "$",
        "a: b",
        "- a",
        "'",
        '"',
        "\u2028",
        "\x00",
        "\ufeff",
        "<<",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
SECONDS = st.floats(0.001, 3600)
SHARED = {
    "runtime": st.none() | st.sampled_from(["onnx", "sklearn", "python:a.b:C"]),
    "versions": st.sampled_from(["latest", "all"])
    | st.builds(LatestVersions, latest=st.integers(1, 9))
    | st.lists(st.integers(1, 99), min_size=1, max_size=3),
    "trusted": st.booleans(),
    "replicas": st.tuples(st.integers(0, 9), st.integers(1, 9)).map(lambda r: Replicas(min=min(r), max=max(r))),
    "batching": st.builds(Batching, max_size=st.integers(1, 99), max_delay_ms=st.floats(0, 1000)),
    "limits": st.builds(Limits, timeout_s=SECONDS, body=st.integers(1000, 2**50)),
    "resources": st.builds(Resources, cpus=st.floats(0.1, 64), memory=st.none() | st.integers(2**24, 2**50)),
}
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True).filter(lambda name: name != "gateway")
POOLED = {"pool": st.just("small"), "load": st.none() | st.sampled_from(["eager", "lazy"]), "pinned": st.booleans()}
"""What a model of a pool has in place of `replicas` and `resources`."""
POOLS = st.builds(
    PoolSpec,
    name=st.just("small"),
    replicas=st.integers(1, 9).map(lambda count: Replicas(min=count, max=9)),
    resources=st.builds(PoolResources, cpus=st.floats(0.1, 64)),
    memory=st.integers(2**24, 2**50),
    load=st.sampled_from(["eager", "lazy"]),
)
OWN: dict[str, Any] = {
    "name": NAMES,
    "description": TEXT,
    "labels": st.lists(TEXT, max_size=3),
    "inputs": st.lists(
        st.builds(InputType, name=TEXT.filter(bool), datatype=st.sampled_from(NAMES_OF_DATATYPES)),
        max_size=3,
        unique_by=lambda each: each.name,
    ),
    "rows": st.none() | st.booleans(),
    "options": st.dictionaries(TEXT, JSON, max_size=3),
}
IN_POOL = {key: values for key, values in SHARED.items() if key not in {"trusted", *POOL_KEYS}} | POOLED
MODELS = st.builds(ModelSpec, **OWN, **SHARED) | st.builds(ModelSpec, **OWN, **IN_POOL, trusted=st.just(True))
SERVERS = st.builds(
    ServerSpec,
    http=st.builds(HttpListen, port=st.integers(9000, 65535)),
    repository=st.builds(RepositorySpec, path=st.sampled_from(["models", "/srv/models", "a $x b", "${A}"])),
    defaults=st.builds(ModelDefaults, **SHARED, pool=st.none() | st.just("small")),
)


def written(config: Config, folder: Path) -> Config:
    """The Config that loads from its own YAML."""
    for name in ("models", "pools"):
        (folder / name).mkdir(exist_ok=True)
    for old in folder.glob("**/*.yaml"):
        old.unlink()
    for name, text in config_files(config).items():
        (folder / name).write_text(text, encoding="utf-8")
    return load(folder, {})


SMALL = PoolSpec(name="small", memory=2**30)


def config_of(server: ServerSpec, models: list[ModelSpec], folder: Path, pool: PoolSpec = SMALL) -> Config:
    ordered = sorted(models, key=lambda model: model.name)
    sources = {model.name: folder / "models" / f"{number}.yaml" for number, model in enumerate(models)}
    pools = (pool,) if server.ray.address == "local" else ()
    pool_sources = {each.name: folder / "pools" / "p.yaml" for each in pools}
    return Config(server, tuple(ordered), sources, folder.parent, pools, pool_sources)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(server=SERVERS, models=st.lists(MODELS, max_size=2, unique_by=lambda model: model.name), pool=POOLS)
def test_what_is_shown_loads_as_what_it_shows(folder, server, models, pool):
    config = config_of(server, models, folder.path, pool)
    assert written(config, folder.path) == config


def test_what_is_shown_of_a_cluster_loads_too(folder):
    server = ServerSpec.model_validate({"ray": {"address": "head:6379"}})
    config = config_of(server, [], folder.path)
    assert written(config, folder.path) == config


def test_text_that_looks_like_a_number_is_quoted(folder):
    config = config_of(ServerSpec(), [ModelSpec(name="m", options={"x": math.nan})], folder.path)
    assert math.isnan(written(config, folder.path).models[0].options["x"])


def test_every_default_is_filled_in_and_a_models_own_keys_come_first(folder):
    folder.write({"server.yaml": "defaults: {limits: {queue: 9}}", "models/churn.yaml": "name: churn\nreplicas: 2\n"})
    shown = config_as_yaml(folder.load())
    server, model = shown.split("---\n")[1:]
    assert server.startswith("# server.yaml\nhttp:\n  host:")
    assert model.startswith("# models/churn.yaml\nname: churn\n")
    assert "replicas:\n  min: 2\n  max: 2\n  target_in_flight: 8.0\n" in model
    assert "limits:\n  queue: 9\n  timeout_s: 10.0\n" in model


def test_only_the_keys_that_have_an_effect_are_shown(folder):
    files = {
        "pools/p.yaml": "name: p\nmemory: 1GiB\n",
        "models/a.yaml": "name: a\npool: p\n",
        "models/b.yaml": "name: b\n",
    }
    folder.write(files)
    _, pool, pooled, alone = config_as_yaml(folder.load()).split("---\n")[1:]
    assert pool.startswith("# pools/p.yaml\nname: p\nreplicas:\n  min: 1\n")
    assert "memory: 1073741824\nload: eager\n" in pool
    assert "pool: p\n" in pooled
    assert "load: null\npinned: false\n" in pooled
    assert not {"replicas:", "resources:"} & {*pooled.split("\n")}
    assert "pool: null\n" in alone
    assert {"replicas:", "resources:"} <= {*alone.split("\n")}
    assert "pinned" not in alone


def test_short_forms_are_shown_in_their_long_form(folder):
    text = "name: a\nbatching: off\ninputs: {age: FP64, at: DATETIME}\nrows: false\n"
    folder.write({"server.yaml": "defaults: {batching: off}", "models/a.yaml": text})
    server, model = config_as_yaml(folder.load()).split("---\n")[1:]
    assert "  batching:\n    max_size: 1\n    max_delay_ms: 0.0\n" in server
    assert "batching:\n  max_size: 1\n  max_delay_ms: 0.0\n" in model
    assert "inputs:\n- name: age\n  datatype: FP64\n- name: at\n  datatype: DATETIME\nrows: false\n" in model
    assert written(folder.load(), folder.path).models == folder.load().models


def test_a_spec_is_the_same_whether_a_number_was_written_or_is_the_default(folder):
    folder.write({"models/a.yaml": "name: a\nlimits: {timeout_s: 10}\nreplicas: 1\n"})
    spec: Any = folder.load().models[0]
    assert spec.model_dump_json() == ModelSpec(name="a").model_dump_json()


def test_a_models_name_is_the_whole_of_a_text():
    assert is_model_name("churn-2.b")
    assert not is_model_name("churn\n")


def test_the_keys_of_the_edge_are_written_unless_ray_is_a_cluster(folder):
    local = config_files(folder.write({"server.yaml": "connections: 9\n"}).load())["server.yaml"]
    cluster = config_files(folder.write({"server.yaml": "ray: {address: 'head:6379'}\n"}).load())["server.yaml"]
    assert "\nconnections: 9\n" in local
    assert "\n  edge_port: " in local
    assert "connections" not in cluster
    assert "edge_port" not in cluster


def test_letters_of_every_language_are_written_as_they_are():
    assert to_yaml({"description": "Blüten 模型"}) == "description: Blüten 模型\n"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("churn", "churn"),
        ("a b", '"a b"'),
        ("null", '"null"'),
        ("true", '"true"'),
        ("1e3", '"1e3"'),
        ("0o12", '"0o12"'),
        ("${A}", '"$${A}"'),
    ],
)
def test_a_text_that_reads_as_another_value_is_quoted(folder, text, written):
    loaded = folder.write({"models/m.yaml": f"name: m\ndescription: '{text.replace('$', '$$')}'\n"}).load()
    assert f"\ndescription: {written}\n" in config_files(loaded)["models/m.yaml"]
