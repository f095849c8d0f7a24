"""Single requests to the model under test: its page, one prediction, and the server's counters."""

import json
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from modelyard.cli.bench.client_request import tls_context

MAX_DETAIL = 500
"""Characters of an error that are shown."""


@dataclass(frozen=True, slots=True)
class Response:
    """One response."""

    status: int
    body: bytes
    seconds: float

    @property
    def detail(self) -> str:
        """What an error response says, on one line."""
        try:
            document = json.loads(self.body)
            text = str(document.get("detail") or document.get("error") or document)
        except (ValueError, AttributeError):
            text = self.body.decode(errors="replace")
        return " ".join(text.split())[:MAX_DETAIL]


class TargetHttp:
    """Sends requests, without a proxy."""

    def __init__(self, url: str, name: str, timeout_s: float, tls: dict[str, str] | None) -> None:
        """`url` is that of the model's predict path."""
        self._url = url
        self._name = name
        self._timeout_s = timeout_s
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if tls:
            context: ssl.SSLContext = tls_context(tls)
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def page(self) -> dict[str, Any]:
        """`GET /models/<name>`. Raises ConnectionError."""
        response = self._send(self._url.removesuffix("/predict"))
        if response.status != 200:
            raise ConnectionError(f"{self._url.removesuffix('/predict')}: {response.status}: {response.detail}")
        document: dict[str, Any] = json.loads(response.body)
        return document

    def predict(self, body: bytes) -> Response:
        """One prediction. Raises ConnectionError."""
        return self._send(self._url, body)

    def counts(self) -> dict[str, int] | None:
        """The server's counters of the model, all versions and replicas together; None if they are not available."""
        base = self._url.partition("://")
        origin = f"{base[0]}://{base[2].partition('/')[0]}"
        try:
            response = self._send(f"{origin}/v2/models/{self._name}/stats")
            stats = json.loads(response.body)["model_stats"]
            return {
                "rows": sum(each["inference_count"] for each in stats),
                "calls": sum(each["execution_count"] for each in stats),
                "requests": sum(each["inference_stats"]["success"]["count"] for each in stats),
                "compute_ns": sum(each["inference_stats"]["compute_infer"]["ns"] for each in stats),
            }
        except (ConnectionError, ValueError, LookupError, TypeError):
            return None

    def _send(self, url: str, body: bytes | None = None) -> Response:
        headers = {"user-agent": "modelyard-bench", **({"content-type": "application/json"} if body else {})}
        request = urllib.request.Request(url, body, headers)  # noqa: S310 - the server's own address
        started = time.perf_counter()
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                return Response(response.status, response.read(), time.perf_counter() - started)
        except urllib.error.HTTPError as error:
            with error:
                return Response(error.code, error.read(), time.perf_counter() - started)
        except OSError as error:  # URLError is one
            reason = str(getattr(error, "reason", error))
            hint = "; the server requires --client-certificate" if "CERTIFICATE_REQUIRED" in reason else ""
            raise ConnectionError(f"{url}: {reason}{hint}") from None
