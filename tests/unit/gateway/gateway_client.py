"""Sends one request through the gateway's application, with a catalogue from the test."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelyard.gateway.catalogue import ModelEntry
from modelyard.gateway.model_statistics import ModelStatistics
from modelyard.gateway.repository_api import ChangeResidency, RepositoryApi
from modelyard.gateway.routes import GatewayRoutes
from modelyard.http.asgi import AsgiApp
from modelyard.http.body_budget import BodyBudget
from modelyard.ray_serve.application import CatalogueEntry, ServedModel
from modelyard.ray_serve.application_status import State
from modelyard.ray_serve.pool_report import ModelReport, Residency
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


def pooled_entry(name: str, residency: Residency = "RESIDENT", state: State = "READY", reason: str = "") -> ModelEntry:
    """A model of the pool `small`, which a replica has reported."""
    found = entry(name, state, reason, versions=[1])
    assert found.configured.served is not None
    served = found.configured.served.model_copy(update={"application": "_pool.small", "fingerprint": "ab"})
    report = ModelReport(residency, "ab", resident_bytes=2**20, load_s=0.12345)
    return replace(found, configured=found.configured.amended(served=served), report=report)


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


async def no_change(application: str, model: str, change: str) -> None:
    """A pool that does nothing."""


def get_response(
    path: str,
    method: str = "GET",
    body: bytes = b"",
    entries: list[ModelEntry] = MODELS,
    known: Mapping[str, Signature] = {},
    query: bytes = b"",
    change_residency: ChangeResidency = no_change,
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
        "query_string": query,
        "headers": [(b"x-request-id", b"mine")],
    }
    repository = RepositoryApi(get_entries, change_residency)
    routes = GatewayRoutes(get_entries, ModelStatistics(get_totals), signatures, repository)
    asyncio.run(AsgiApp(routes.respond, BodyBudget(LIMIT))(scope, receive, send))
    head, tail = sent
    return Response(head["status"], dict(head["headers"]), tail["body"])
