"""JSON Schemas of the YAML files, for completion, hover text and validation in editors."""

import json
from typing import Any

from pydantic import BaseModel

from modelyard.config.env_vars import REFERENCE
from modelyard.config.model_spec import ModelSpec
from modelyard.config.pool_spec import PoolSpec
from modelyard.config.server_spec import ServerSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SPECS: dict[str, type[BaseModel]] = {"model.json": ModelSpec, "pool.json": PoolSpec, "server.json": ServerSpec}
_CONSTRAINED_TYPES = ("integer", "number", "boolean")
_REFERENCE = {"$ref": "#/$defs/Reference"}


def schemas() -> dict[str, str]:
    """JSON Schema text, draft 2020-12, by file name.

    They accept the same short forms as the specs, and `${NAME}` in place of a number, a boolean or a constrained string. They
    do not check what a schema cannot express well: reserved names and routes, and the order of bounds.
    """
    return {name: json.dumps(_schema(spec), indent=2) + "\n" for name, spec in _SPECS.items()}


def _schema(spec: type[BaseModel]) -> dict[str, Any]:
    schema = _with_references(spec.model_json_schema())
    reference = {"description": "An environment variable", "type": "string", "pattern": REFERENCE}
    return {"$schema": DIALECT, **schema, "$defs": {**schema["$defs"], "Reference": reference}}


def _with_references(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with a variable reference as an alternative to every value that is not free text."""
    annotations: dict[str, Any] = {key: schema[key] for key in ("description", "default") if key in schema}
    rest = {key: value for key, value in schema.items() if key not in annotations}
    choices = [_children_with_references(choice) for choice in rest.get("anyOf", rest.get("oneOf", [rest]))]
    if any(choice.keys() & {"enum", "pattern"} or choice.get("type") in _CONSTRAINED_TYPES for choice in choices):
        choices.append(_REFERENCE)
    return {**annotations, **(choices[0] if len(choices) == 1 else {"anyOf": choices})}


def _children_with_references(schema: dict[str, Any]) -> dict[str, Any]:
    """The same for nested schemas, without the titles that pydantic derives from field names."""
    schema = {key: value for key, value in schema.items() if key != "title"}
    for key in schema.keys() & {"properties", "$defs"}:
        schema[key] = {name: _with_references(inner) for name, inner in schema[key].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            schema[key] = _with_references(schema[key])
    return schema
