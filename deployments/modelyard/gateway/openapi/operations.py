"""Building blocks of the document's operations: the operation object, references to components, and error responses."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.gateway.openapi.value_schemas import Schema
from modelyard.http.media_types import ARROW, NPY
from modelyard.http.problem import STATUSES

JSON, PROBLEM, EVENTS = "application/json", "application/problem+json", "text/event-stream"
READ_ERRORS = (404, 405, 413, 500, 503)
"""Error statuses of every path. The edge responds with 413 to a large body on any path."""
REQUEST_ERRORS = (400, 404, 405, 408, 413, 429, 500, 503, 504)
"""Error statuses of a path with a request body."""
RETRY_STATUSES = (429, 503)
TITLES = dict(STATUSES.values())
ROW_FORMATS: dict[str, Schema] = {"text/csv": {"type": "string"}, NPY: {}, ARROW: {}}
"""Formats of rows besides JSON, in requests and responses."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    id: str
    summary: str
    tag: str
    response: dict[str, Schema] = field(default_factory=dict)
    """The 200 response by content type. Empty if every request is rejected."""
    request: dict[str, Schema] = field(default_factory=dict)
    """The request body by content type."""
    errors: Sequence[int] = READ_ERRORS
    parameters: Sequence[Schema] = ()
    body_required: bool = True

    def as_json(self, *, native: bool) -> dict[str, Any]:
        """The OpenAPI operation. The errors of `native` paths are problem documents, those of other paths `{"error": ...}`."""
        operation: dict[str, Any] = {
            "operationId": self.id,
            "summary": self.summary,
            "tags": [self.tag],
            "responses": {},
        }
        if self.parameters:
            operation["parameters"] = list(self.parameters)
        if self.request:
            operation["requestBody"] = {"required": self.body_required, "content": content(self.request)}
        if self.response:
            operation["responses"]["200"] = {"description": "OK", "content": content(self.response)}
        prefix = "problem" if native else "error"
        for status in self.errors:
            operation["responses"][str(status)] = {"$ref": f"#/components/responses/{prefix}{status}"}
        return operation


def content(by_type: dict[str, Schema]) -> dict[str, Any]:
    """OpenAPI's `content` from schemas by content type."""
    return {media_type: {"schema": schema} for media_type, schema in by_type.items()}


def schema_ref(name: str) -> Schema:
    """A reference to a schema in the components."""
    return {"$ref": f"#/components/schemas/{name}"}


def parameter_ref(name: str) -> Schema:
    """A reference to a parameter in the components."""
    return {"$ref": f"#/components/parameters/{name}"}


def path_parameter(name: str, schema: Schema, description: str = "") -> Schema:
    """A path parameter."""
    parameter: Schema = {"name": name, "in": "path", "required": True, "schema": schema}
    return {**parameter, "description": description} if description else parameter


def error_responses() -> dict[str, Any]:
    """The error responses in the components, such as `problem400` and `error400`."""
    return {
        f"{prefix}{status}": _error_response(status, title, native=prefix == "problem")
        for prefix in ("problem", "error")
        for status, title in TITLES.items()
    }


def _error_response(status: int, title: str, *, native: bool) -> dict[str, Any]:
    # HAProxy's own errors are problem documents on every path, with the member `error` as well.
    forms = {PROBLEM: schema_ref("Problem")} if native else {JSON: schema_ref("Error"), PROBLEM: schema_ref("Problem")}
    response: dict[str, Any] = {"description": title, "content": content(forms)}
    if status in RETRY_STATUSES:
        response["headers"] = {"retry-after": {"$ref": "#/components/headers/RetryAfter"}}
    return response
