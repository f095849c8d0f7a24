"""Probes of models over HTTP, as a client would send them."""

import http.client
import json
import threading
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.control.status import ModelStatus
from modelyard.edge.http_frontend import WAKE_PREFIX

TIMEOUT_S = 3.0
POLL_S = 0.1
EDGE_S = 15.0
"""How long HAProxy may take to learn of a replica; usually it takes less than a second."""


@dataclass(frozen=True, slots=True)
class ServerUrls:
    """Scheme, host and port of the server."""

    inside: str
    """For probes, without TLS."""
    outside: str
    """For clients; it may need TLS, with a client certificate."""


def describe_model(urls: ServerUrls, status: ModelStatus) -> dict[str, Any] | None:
    """The result of `GET /models/<name>`; None if it fails."""
    path = status.url.removesuffix("/predict").removeprefix(urls.outside)
    if status.pool:
        path = f"/{status.application}{WAKE_PREFIX}{path}"  # Serve's own frontend knows the pool's route alone
    scheme, _, host = urls.outside.partition("://")
    headers = {"host": host, "x-forwarded-proto": scheme}
    request = urllib.request.Request(urls.inside + path, headers=headers)  # noqa: S310 - our own http
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as response:
            document = json.load(response)
    except (OSError, ValueError, http.client.HTTPException):
        return None
    return document if isinstance(document, dict) and "curl" in document else None


def wait_reachable(urls: ServerUrls, statuses: Sequence[ModelStatus], timeout_s: float, stop: threading.Event) -> None:
    """Wait until every model that is up, and one of each pool, responds through the edge.

    The edge learns of replicas a moment after Serve does. Returns earlier when `stop` is set or after `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    up = [status for status in statuses if status.state == "READY" and status.replicas and status.is_loaded]
    for status in {status.application: status for status in up}.values():  # one of each pool
        while describe_model(urls, status) is None and time.monotonic() < deadline:
            if stop.wait(POLL_S):
                return


def example_curl(urls: ServerUrls, statuses: Sequence[ModelStatus]) -> str:
    """The example command on the page of the first model that responds; "" if none does."""
    answering = (status for status in statuses if status.state == "READY" and status.replicas and status.is_loaded)
    described = (describe_model(urls, status) for status in answering)
    return next((str(page["curl"]) for page in described if page), "")
