"""The OpenAPI document: every path of the server, and the request and response schemas of each model."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modelyard.gateway.catalogue import ModelEntry
from modelyard.gateway.openapi.components import components
from modelyard.gateway.openapi.native_paths import Path, any_model_paths, model_paths, native_parameters, server_paths
from modelyard.gateway.openapi.operations import error_responses
from modelyard.gateway.openapi.predict_schemas import predict_components
from modelyard.gateway.openapi.protocol_paths import v1_paths, v2_parameters, v2_paths
from modelyard.gateway.openapi.value_schemas import Schema
from modelyard.http.error_response import ERROR_OBJECT_PATHS
from modelyard.protocols.oip.server_metadata import server_metadata
from modelyard.tensors import Signature

DESCRIPTION = (
    "Each model has its own paths and schemas, with the name of the model as tag. `GET /models` lists the models."
)


GENERIC_DESCRIPTION = (
    "The server has too many models to describe each here. `GET /models` lists them, and `GET /models/<name>/openapi.json`, or "
    "`GET /openapi.json?model=<name>`, describes one with its own schemas. A model with a `route` has the paths below "
    "`/models/{name}` below its route."
)


def openapi(entries: Mapping[str, ModelEntry], signatures: Mapping[str, Signature]) -> dict[str, Any]:
    """The document. A model without a signature here, such as one that is scaled to zero, has the schemas of any model."""
    names = list(entries)
    operations: list[Path] = []
    schemas: dict[str, Schema] = {}
    for name, prefix in component_prefixes(names).items():
        signature = signatures.get(name)
        operations += model_paths(entries[name], prefix if signature else "")
        if signature:
            schemas |= predict_components(prefix, signature)
    tags = [
        {"name": entry.name, "description": entry.configured.description}
        for entry in entries.values()
        if entry.configured.description
    ]
    return _document(names, operations, schemas, tags, DESCRIPTION)


def generic_openapi(names: Sequence[str]) -> dict[str, Any]:
    """The document for many models: `name` is a parameter of the paths, and the schemas are those of any model."""
    return _document(names, [*any_model_paths()], {}, [], GENERIC_DESCRIPTION)


def _document(
    names: Sequence[str],
    operations_of_models: Sequence[Path],
    schemas_of_models: Mapping[str, Schema],
    tags: Sequence[Mapping[str, str]],
    description: str,
) -> dict[str, Any]:
    operations = [*server_paths(), *operations_of_models, *v2_paths(), *v1_paths()]
    paths: dict[str, dict[str, Any]] = {}
    for path, method, operation in operations:
        native = not (path.startswith(ERROR_OBJECT_PATHS) or path == "/v2")
        paths.setdefault(path, {})[method] = operation.as_json(native=native)
    # The 503 of these paths is a status and not an error.
    for path in ("/ready", "/health", "/v2/health/ready"):
        responses = paths[path]["get"]["responses"]
        responses["503"] = {**responses["200"], "description": "Not ready"}
    server = server_metadata()
    return {
        "openapi": "3.1.0",
        "info": {"title": server["name"], "version": server["version"], "description": description},
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": {**components(), **schemas_of_models},
            "responses": error_responses(),
            "parameters": {**native_parameters(), **v2_parameters(names)},
            "headers": {
                "RetryAfter": {"schema": {"type": "integer"}, "description": "Seconds to wait before trying again"}
            },
        },
    }


def component_prefixes(names: Iterable[str]) -> dict[str, str]:
    """The start of the names of each model's components: its name as a class name, such as `TicketTopic` for `ticket-topic`.

    Client generators make classes and files of these names. If two prefixes differ only in case, which happens to models whose
    names differ only in punctuation, the second one gets a number.
    """
    prefixes: dict[str, str] = {}
    used: set[str] = set()
    for name in sorted(names):
        class_name = _class_name(name)
        prefix, number = class_name, 2
        while prefix.lower() in used:
            prefix, number = f"{class_name}{number}", number + 1
        used.add(prefix.lower())
        prefixes[name] = prefix
    return prefixes


def _class_name(name: str) -> str:
    words = "".join(word[:1].upper() + word[1:] for word in re.split("[^a-z0-9]+", name))
    return words if words[:1].isalpha() else f"Model{words}"
