"""The OpenAPI document: every path that answers, and of each model what it takes and gives. Pure."""

from collections.abc import Mapping
from typing import Any

from deployments.gateway.catalogue import Entry
from deployments.gateway.openapi.components import components
from deployments.gateway.openapi.operations import refusals
from deployments.gateway.openapi.own_paths import Path, model_paths, server_paths
from deployments.gateway.openapi.v2_paths import v1_paths, v2_paths
from deployments.protocols.oip.server import server_metadata
from deployments.protocols.refusal import ERROR_MEMBER
from deployments.tensors import Signature


def openapi(entries: Mapping[str, Entry], signatures: Mapping[str, Signature]) -> dict[str, Any]:
    """OpenAPI 3.1. A model without a signature here (it sleeps, or is not ready) takes and gives what any model may."""
    names = list(entries)
    found: list[Path] = [*server_paths()]
    for entry in entries.values():
        found += model_paths(entry, signatures.get(entry.name))
    found += [*v2_paths(names), *v1_paths(names)]
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
        "paths": paths,
        "components": {"schemas": components(), "responses": refusals()},
    }
