"""The OpenAPI document: every path that answers, and of each model what it takes and gives. Pure."""

from collections.abc import Mapping
from typing import Any

from modelyard.gateway.catalogue import Entry
from modelyard.gateway.openapi.components import components
from modelyard.gateway.openapi.operations import refusals
from modelyard.gateway.openapi.own_paths import Path, model_paths, own_parameters, server_paths
from modelyard.gateway.openapi.predict import predict_components
from modelyard.gateway.openapi.prefixes import prefixes
from modelyard.gateway.openapi.v2_paths import v1_paths, v2_parameters, v2_paths
from modelyard.http.error_response import ERROR_MEMBER
from modelyard.protocols.oip.server_metadata import server_metadata
from modelyard.tensors import Signature


def openapi(entries: Mapping[str, Entry], signatures: Mapping[str, Signature]) -> dict[str, Any]:
    """OpenAPI 3.1. A model without a signature here (it sleeps, or is not ready) takes and gives what any model may."""
    names = list(entries)
    found: list[Path] = [*server_paths()]
    schemas = components()
    for name, prefix in prefixes(names).items():
        known = signatures.get(name)
        found += model_paths(entries[name], prefix if known else "")
        if known:
            schemas |= predict_components(prefix, known)
    found += [*v2_paths(), *v1_paths()]
    paths: dict[str, dict[str, Any]] = {}
    for path, method, operation in found:
        own = not (path.startswith(ERROR_MEMBER) or path == "/v2")
        paths.setdefault(path, {})[method] = operation.as_json(own)
    # Not ready is a status of these, and no error.
    for path in ("/ready", "/health", "/v2/health/ready"):
        responses = paths[path]["get"]["responses"]
        responses["503"] = {**responses["200"], "description": "Not ready"}
    server = server_metadata()
    return {
        "openapi": "3.1.0",
        "info": {"title": server["name"], "version": server["version"]},
        "tags": [
            {"name": entry.name, "description": entry.about["description"]}
            for entry in entries.values()
            if entry.about.get("description")
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": refusals(),
            "parameters": {**own_parameters(), **v2_parameters(names)},
            "headers": {"RetryAfter": {"schema": {"type": "integer"}, "description": "seconds"}},
        },
    }
