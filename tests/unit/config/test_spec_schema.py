"""The JSON Schemas for editors are current and agree with the specs."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from modelyard.config.model_spec import ModelSpec
from modelyard.config.pool_spec import PoolSpec
from modelyard.config.schema import schemas
from modelyard.config.server_spec import ServerSpec
from modelyard.config.source_text import Source
from modelyard.config.tree import plain
from modelyard.config.yaml_parser import parse

SERVE_CONFIG = Path(__file__).parents[3] / "serve_config"
SCHEMAS = {name: json.loads(text) for name, text in schemas().items()}


def is_valid(schema: str, text: str) -> bool:
    document = parse(Source("f", text))
    assert document.root is not None
    return jsonschema.Draft202012Validator(SCHEMAS[schema]).is_valid(plain(document.root))


def described(schema: Any) -> dict[str, str]:
    """Every property's description, by section and name."""
    sections = {"": schema, **schema["$defs"]}
    return {
        f"{section}.{name}": inner.get("description", "")
        for section, part in sections.items()
        for name, inner in part.get("properties", {}).items()
    }


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_in_the_repository_are_fresh(name):
    assert (SERVE_CONFIG / "schema" / name).read_text(encoding="utf-8") == schemas()[name], "run `make schema`"


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_are_schemas(name):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_key_has_its_hover_text(name):
    assert [key for key, text in described(SCHEMAS[name]).items() if not text] == []


@pytest.mark.parametrize(
    ("name", "spec"), [("model.json", ModelSpec), ("pool.json", PoolSpec), ("server.json", ServerSpec)]
)
def test_the_hover_text_is_the_specs_own(name, spec):
    own = {f".{key}": field.description for key, field in spec.model_fields.items()}
    assert own.items() <= described(SCHEMAS[name]).items()


@pytest.mark.parametrize("folder", ["models", "pools"])
def test_the_example_files_are_valid(folder):
    paths = [*(SERVE_CONFIG / folder).glob("*.yaml")]
    schema = f"{folder[:-1]}.json"
    assert paths
    assert [path.stem for path in paths if not is_valid(schema, path.read_text(encoding="utf-8"))] == []


def test_each_key_that_the_example_of_a_pool_shows_in_a_comment_has_the_default_that_it_shows():
    text = (SERVE_CONFIG / "pools" / "small.yaml").read_text(encoding="utf-8")
    shown = re.sub(r"^# (\w+: .*#)", r"\1", text, flags=re.MULTILINE)
    assert shown != text
    before, after = (PoolSpec.model_validate(plain(parse(Source("f", each)).root)) for each in (text, shown))
    assert before == after


def test_the_servers_own_file_is_valid():
    assert is_valid("server.json", (SERVE_CONFIG / "server.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "line",
    [
        "replicas: 3",
        "replicas: {min: 0, max: 4}",
        "replicas: ${N}",
        "replicas: {min: '${N:-1}'}",
        "limits: {body: 1.5GB, queue: 3, timeout_s: 0.5}",
        "limits: {body: 1024}",
        "versions: all",
        "versions: {latest: 2}",
        "versions: [1, 3]",
        "trusted: ${TRUSTED:-false}",
        "resources: {memory: ~}",
        "runtime: python:a.b:C",
        "runtime: ${RUNTIME}",
        "batching: off",
        "batching: {max_size: 8}",
        "rows: false",
        "rows: ${ROWS}",
        "inputs: [{name: age, datatype: FP64}]",
        "inputs: {age: FP64, at: DATETIME, plan: '${KIND}'}",
        "inputs: {}",
        "route: /fraud",
        "pool: small",
        "pool: ~",
        "pool: ${POOL}",
        "pool: small\nload: lazy\npinned: true",
        "options: {anything: [1, {goes: ~}]}",
    ],
)
def test_every_way_to_write_a_value_is_valid(line):
    assert is_valid("model.json", f"name: m\n{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "replcas: 3",
        "replicas: 0",
        "replicas: four",
        "replicas: {min: -1}",
        "limits: {body: 5 elephants}",
        "limits: {timeout_s: 0}",
        "limits: {queue: '3'}",
        "versions: newest",
        "versions: []",
        "versions: {latest: 0}",
        "trusted: yes",
        "runtime: tensorflow",
        "route: fraud/",
        "labels: [1]",
        "batching: of",
        "batching: false",
        "rows: yes",
        "inputs: age",
        "inputs: [{name: age}]",
        "inputs: [{name: '', datatype: FP64}]",
        "inputs: [{name: age, datatype: float}]",
        "inputs: {age: float}",
        "inputs: {'': FP64}",
        "inputs: {age: {datatype: FP64}}",
        "name: Churn Model",
        "pool: Small Models",
        "pool: false",
        "load: later",
        "pinned: yes",
    ],
)
def test_what_the_model_spec_rejects_is_invalid_in_the_schema(line):
    assert not is_valid("model.json", line if line.startswith("name") else f"name: m\n{line}\n")


@pytest.mark.parametrize(
    "lines",
    [
        "memory: 2GiB",
        "memory: 2147483648\nreplicas: 2\nresources: {cpus: 0.5}\nload: lazy",
        "memory: ${BUDGET}\nreplicas: {min: 1, max: 4, target_in_flight: 2}",
    ],
)
def test_every_way_to_write_a_value_of_a_pool_is_valid(lines):
    assert is_valid("pool.json", f"name: p\n{lines}\n")


@pytest.mark.parametrize(
    "lines",
    [
        "load: eager",
        "memory: lots",
        "memory: 1GiB\nreplicas: 0",
        "memory: 1GiB\nreplicas: {min: 0}",
        "memory: 1GiB\nresources: {memory: 1GiB}",
        "memory: 1GiB\nload: ~",
        "memory: 1GiB\nlimits: {queue: 1}",
    ],
)
def test_what_the_pool_spec_rejects_is_invalid_in_the_schema(lines):
    assert not is_valid("pool.json", f"name: p\n{lines}\n")


@pytest.mark.parametrize("text", ["http: {port: 0}", "defaults: {name: x}", "bdy: 1", "ray: {address: somewhere}"])
def test_what_the_server_spec_rejects_is_invalid_in_the_schema(text):
    assert not is_valid("server.json", text)
