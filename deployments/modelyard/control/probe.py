"""What a model's replica says of itself, asked over HTTP as a client would."""

import http.client
import json
import threading
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.control.status import ModelStatus

TIMEOUT_S = 3.0
POLL_S = 0.1
EDGE_S = 15.0
"""How long HAProxy is given to learn of a replica; usually it takes less than a second."""


@dataclass(frozen=True, slots=True)
class ServerUrls:
    """Where a model is asked about itself, and where clients ask it: by TLS perhaps, with a certificate of their own."""

    inside: str
    """Scheme, host and port, without TLS."""
    outside: str


def describe_model(urls: ServerUrls, status: ModelStatus) -> dict[str, Any] | None:
    """`GET /models/<name>` as plain values; None where it does not answer."""
    path = status.url.removesuffix("/predict").removeprefix(urls.outside)
    scheme, _, host = urls.outside.partition("://")
    headers = {"host": host, "x-forwarded-proto": scheme}
    request = urllib.request.Request(urls.inside + path, headers=headers)  # noqa: S310 - our own http
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            document = json.load(answer)
    except (OSError, ValueError, http.client.HTTPException):
        return None
    return document if isinstance(document, dict) and "curl" in document else None


def wait_reachable(urls: ServerUrls, statuses: Sequence[ModelStatus], timeout_s: float, stop: threading.Event) -> None:
    """Until every model that is up answers at the edge, or `stop` is set. The edge learns of replicas a moment after Serve does."""
    deadline = time.monotonic() + timeout_s
    for status in statuses:
        if status.state == "READY" and status.replicas:
            while describe_model(urls, status) is None and time.monotonic() < deadline:
                if stop.wait(POLL_S):
                    return


def example_curl(urls: ServerUrls, statuses: Sequence[ModelStatus]) -> str:
    """A curl command to paste, as the first model that answers tells it itself; "" where none answers."""
    answering = (status for status in statuses if status.state == "READY" and status.replicas)
    described = (describe_model(urls, status) for status in answering)
    return next((str(told["curl"]) for told in described if told), "")
