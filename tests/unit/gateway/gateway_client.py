"""Sends one request through the gateway's application, with a catalogue from the test."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.gateway.catalogue import ModelEntry
from modelyard.gateway.model_statistics import ModelStatistics
from modelyard.gateway.routes import GatewayRoutes
from modelyard.http.asgi import AsgiApp
from modelyard.http.body_budget import BodyBudget
from modelyard.ray_serve.application import CatalogueEntry, ServedModel
from modelyard.ray_serve.application_status import State
from modelyard.repository.resolve import ServedVersion
from modelyard.telemetry.metrics.aggregator import ModelTotals
from modelyard.telemetry.metrics.snapshot import Totals
from modelyard.tensors import Signature

LIMIT = 100


def entry(
    name: str,
    state: State = "READY",
    reason: str = "",
    route: str = "",
    *,
    required: bool = True,
    scaled_to_zero: bool = False,
    versions: Sequence[int] = (),
    version_labels: Mapping[str, int] = {},
) -> ModelEntry:
    """A model that serves these versions, or has no application if there are none."""
    route = route or f"/models/{name}"
    served = ServedModel(
        route=route,
        runtime="onnx",
        versions=tuple(ServedVersion(number, f"sha256:{number:064}") for number in versions),
        default=max(versions, default=1),
        version_labels={**version_labels},
        application=name,
    )
    configured = CatalogueEntry(
        name=name, route=route, required=required, description=f"about {name}", served=served if versions else None
    )
    return ModelEntry(configured, state, reason, scaled_to_zero)


MODELS = [
    entry("iris"),
    entry("churn", "LOADING"),
    entry("fraud", "UNAVAILABLE", "there is no folder fraud"),
    entry("leavers", route="/who/leaves"),
]


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[bytes, bytes]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def get_totals(names: Sequence[str]) -> ModelTotals:
    """The totals of a hub to which one idle replica of each model has pushed."""
    return ModelTotals(Totals(), frozenset((name, "1") for name in names))


def get_response(
    path: str,
    method: str = "GET",
    body: bytes = b"",
    entries: list[ModelEntry] = MODELS,
    known: Mapping[str, Signature] = {},
) -> Response:
    """The response to one request."""

    async def get_entries() -> Mapping[str, ModelEntry]:
        return {entry.name: entry for entry in entries}

    async def signatures(models: Mapping[str, Sequence[str]]) -> dict[str, Signature]:
        return {name: known[name] for names in models.values() for name in names if name in known}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"x-request-id", b"mine")],
    }
    routes = GatewayRoutes(get_entries, ModelStatistics(get_totals), signatures)
    asyncio.run(AsgiApp(routes.respond, BodyBudget(LIMIT))(scope, receive, send))
    head, tail = sent
    return Response(head["status"], dict(head["headers"]), tail["body"])
