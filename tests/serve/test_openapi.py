"""The real server conforms to its OpenAPI document: schemathesis sends requests that it allows and requests that it forbids.

Cases are the same in every run. Models that sleep or are slow are excluded: each case would wait for them.
"""

import json
from contextlib import suppress
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from tests.serve.project import Server

MODELS = ("iris", "wine-alcohol", "ticket-topic", "zen", "echo")
CASES = 4
"""Valid requests per operation, and as many invalid ones."""
CHECKS = (
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
)
JSON_ONLY = (checks.negative_data_rejection,)
"""Media types whose invalid bodies a JSON schema cannot describe."""
BOUNDED = settings(
    derandomize=True,
    database=None,
    max_examples=CASES,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


def document_of(server: Server) -> dict[str, Any]:
    """The server's document, with only these models."""
    document: dict[str, Any] = json.loads(server.get("/openapi.json").text)
    own = {f"/models/{name}" for name in MODELS}
    kept = {}
    for path, methods in document["paths"].items():
        if path.startswith("/models/") and "/".join(path.split("/")[:3]) not in own:
            continue
        kept[path] = methods
    document["components"]["parameters"]["ModelName"]["schema"]["enum"] = list(MODELS)
    return {**document, "paths": kept}


@schemathesis.serializer("text/csv", "application/x-npy", "application/vnd.apache.arrow.stream")
def as_bytes(context: object, value: Any) -> bytes:
    """A text unchanged; any other value as bytes that are neither a table nor an array."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


def wrong_with(case: Case, url: str) -> str:
    """How the response violates the document; "" if it conforms."""
    response = case.call(base_url=url, timeout=60)
    unsupported = response.status_code == 501  # documented as always rejected
    judged = [*CHECKS, *(() if unsupported else (not_a_server_error,))]
    if case.media_type in (None, "application/json") and not unsupported:
        judged += JSON_ONLY
    try:
        case.validate_response(response, checks=judged)
    except FailureGroup as found:
        return str(found)
    return ""


def test_the_server_conforms_to_its_document(server: Server) -> None:
    wrong: list[str] = []
    sent = 0
    for found in schemathesis.openapi.from_dict(document_of(server)).get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:

            @BOUNDED
            @given(case=operation.as_strategy(generation_mode=mode))
            def send(case: Case) -> None:
                nonlocal sent
                sent += 1
                if result := wrong_with(case, server.url):
                    wrong.append(result)

            with suppress(Unsatisfiable):  # a path without parameters and body has no invalid request
                send()
    assert sent > 300
    assert not wrong, "\n\n".join(wrong)
