"""The parts that every operation of the document is made of. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.gateway.openapi.values import Schema
from modelyard.http.media_types import ARROW, NPY
from modelyard.http.problem import STATUSES

JSON, PROBLEM, EVENTS = "application/json", "application/problem+json", "text/event-stream"
READING = (404, 405, 413, 500, 503)
"""Statuses that any path may have: the model is not there or not ready, or the server fails. 413 is the edge's, for any body."""
ASKING = (400, 404, 405, 408, 413, 429, 500, 503, 504)
"""And those of a path that takes a body."""
RETRY = (429, 503)
TITLES = dict(STATUSES.values())
TABLES: dict[str, Schema] = {"text/csv": {"type": "string"}, NPY: {}, ARROW: {}}
"""Forms of rows beside JSON, both ways."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    id: str
    summary: str
    tag: str
    gives: dict[str, Schema] = field(default_factory=dict)
    """The answer by content type; empty for what is always refused."""
    takes: dict[str, Schema] = field(default_factory=dict)
    refuses: Sequence[int] = READING
    parameters: Sequence[Schema] = ()
    body_required: bool = True

    def as_json(self, own: bool) -> dict[str, Any]:
        """An OpenAPI operation. `own` says that errors are problem documents, and not `{"error": ...}`."""
        told: dict[str, Any] = {
            "operationId": self.id,
            "summary": self.summary,
            "tags": [self.tag],
            "responses": {},
        }
        if self.parameters:
            told["parameters"] = list(self.parameters)
        if self.takes:
            told["requestBody"] = {"required": self.body_required, "content": content(self.takes)}
        if self.gives:
            told["responses"]["200"] = {"description": "OK", "content": content(self.gives)}
        prefix = "problem" if own else "error"
        for status in self.refuses:
            told["responses"][str(status)] = {"$ref": f"#/components/responses/{prefix}{status}"}
        return told


def content(by_type: dict[str, Schema]) -> dict[str, Any]:
    """A schema by each content type."""
    return {media_type: {"schema": schema} for media_type, schema in by_type.items()}


def named(schema: str) -> Schema:
    """A schema of the document's components."""
    return {"$ref": f"#/components/schemas/{schema}"}


def parameter(name: str) -> Schema:
    """A parameter of the document's components."""
    return {"$ref": f"#/components/parameters/{name}"}


def in_path(name: str, schema: Schema, description: str = "") -> Schema:
    """A parameter that stands in the path."""
    told: Schema = {"name": name, "in": "path", "required": True, "schema": schema}
    return {**told, "description": description} if description else told


def refusals() -> dict[str, Any]:
    """The components of errors: `problem400` and `error400`, and so on."""
    return {
        f"{prefix}{status}": _refusal(status, title, own=prefix == "problem")
        for prefix in ("problem", "error")
        for status, title in TITLES.items()
    }


def _refusal(status: int, title: str, *, own: bool) -> dict[str, Any]:
    # HAProxy's own answers are problem documents on every path; they have the member `error` too.
    forms = {PROBLEM: named("Problem")} if own else {JSON: named("Error"), PROBLEM: named("Problem")}
    told: dict[str, Any] = {"description": title, "content": content(forms)}
    if status in RETRY:
        told["headers"] = {"retry-after": {"$ref": "#/components/headers/RetryAfter"}}
    return told
