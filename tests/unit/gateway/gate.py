"""One request through the gateway's application, with a catalogue of the test's own."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.gateway.catalogue import Entry
from modelyard.gateway.routes import GatewayRoutes
from modelyard.gateway.statistics import Statistics
from modelyard.http.asgi import AsgiApp
from modelyard.http.body_budget import BodyBudget
from modelyard.ray_serve.application_status import State
from modelyard.telemetry.metrics.aggregate import Counted
from modelyard.telemetry.metrics.snapshot import Totals
from modelyard.tensors import Signature

LIMIT = 100


def entry(
    name: str, state: State = "READY", reason: str = "", route: str = "", *, required: bool = True, asleep: bool = False
) -> Entry:
    return Entry(name, route or f"/models/{name}", required, state, reason, {"description": f"about {name}"}, asleep)


MODELS = [
    entry("iris"),
    entry("churn", "LOADING"),
    entry("fraud", "UNAVAILABLE", "there is no folder fraud"),
    entry("leavers", route="/who/leaves"),
]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[bytes, bytes]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def counted(names: Sequence[str]) -> Counted:
    """A hub that has heard of a replica of each, which has done nothing yet."""
    return Counted(Totals(), frozenset((name, "1") for name in names))


def ask(
    path: str,
    method: str = "GET",
    body: bytes = b"",
    entries: list[Entry] = MODELS,
    known: Mapping[str, Signature] = {},
) -> Answer:
    """One request through the gateway's application."""

    async def look() -> Mapping[str, Entry]:
        return {entry.name: entry for entry in entries}

    async def signatures(names: Sequence[str]) -> dict[str, Signature]:
        return {name: known[name] for name in names if name in known}

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
    routes = GatewayRoutes(look, Statistics(counted), signatures)
    asyncio.run(AsgiApp(routes.respond, BodyBudget(LIMIT))(scope, receive, send))
    head, tail = sent
    return Answer(head["status"], dict(head["headers"]), tail["body"])
