"""Pages of other origins: what they may read and send, and which WebSockets they may open. Through the real HAProxy."""

from collections.abc import Iterator

import pytest

from modelyard.config.server_spec import MAX_ORIGINS
from tests.unit.edge.proxy import Edge, Response, backend

LISTED, OTHER = "https://app.example", "https://app.example.evil"
SOCKET = {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}


@pytest.fixture
def served(edge: Edge) -> Iterator[Edge]:
    """One model, and the maximum number of listed origins."""
    longest = "https://" + ".".join(["a" * 63] * 9) + ":65535"
    edge.write(
        http={"port": edge.port, "cors": [LISTED, "http://[::1]:3000", *[longest] * (MAX_ORIGINS - 2)]}, body=1000
    )
    with (
        backend("gateway") as gateway,
        backend("churn") as churn,
        edge.running({"gateway": [gateway.port], "churn": [churn.port]}),
    ):
        yield edge


@pytest.fixture
def unlisted(edge: Edge) -> Iterator[Edge]:
    """The same without listed origins."""
    edge.write()
    with (
        backend("gateway") as gateway,
        backend("churn") as churn,
        edge.running({"gateway": [gateway.port], "churn": [churn.port]}),
    ):
        yield edge


def ask_first(edge: Edge, origin: str) -> Response:
    """A CORS preflight."""
    sent = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    return edge.fetch("/models/churn/predict", "OPTIONS", origin=origin, **sent)


def cors(response: Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("origin", [LISTED, "http://[::1]:3000"])
def test_a_preflight_of_a_listed_origin_succeeds(served, origin):
    response = ask_first(served, origin)
    assert (response.status, response.body, response.headers["vary"]) == (204, b"", "origin")
    assert cors(response) == {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "*, authorization",
        "access-control-max-age": "600",
        "access-control-expose-headers": "x-request-id, inference-header-content-length, retry-after",
    }


@pytest.mark.parametrize(
    "origin", [OTHER, "http://app.example", "https://app.example:8443", "null", f"{LISTED}, {OTHER}"]
)
def test_a_preflight_of_another_origin_gets_no_cors_headers(served, origin):
    assert cors(ask_first(served, origin)) == {}
    response = served.fetch("/models/churn/predict", "POST", b"{}", origin=origin, content_type="application/json")
    assert (response.body, cors(response), response.headers["vary"]) == (b"churn", {}, "origin")


SIMPLE = ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded", "Multipart/Form-Data; boundary=x", ""]
"""Content types that browsers send without a preflight."""


def posted(edge: Edge, origin: str, content_type: str) -> Response:
    typed = {"content_type": content_type} if content_type else {}
    return edge.fetch("/models/churn/predict", "POST", b"{}", origin=origin, **typed)


@pytest.mark.parametrize("content_type", SIMPLE)
@pytest.mark.parametrize("origin", [OTHER, "null", "http://localhost:8000"])
def test_another_origin_may_not_send_a_post_that_needs_no_preflight(
    served: Edge, origin: str, content_type: str
) -> None:
    response = posted(served, origin, content_type)
    assert (response.status, b"http.cors" in response.body, cors(response)) == (403, True, {})


@pytest.mark.parametrize("content_type", SIMPLE)
def test_listed_origins_and_the_servers_own_pages_may_send_it(served: Edge, content_type: str) -> None:
    for origin in (LISTED, f"http://127.0.0.1:{served.port}"):
        assert posted(served, origin, content_type).body == b"churn"


def test_without_listed_origins_no_page_may_send_it_and_other_clients_may(unlisted: Edge) -> None:
    for content_type in SIMPLE:
        assert posted(unlisted, LISTED, content_type).status == 403
    assert unlisted.fetch("/models/churn/predict", "POST", b"{}", content_type="text/plain").body == b"churn"


def test_a_listed_page_may_read_responses_and_the_edges_own_errors(served):
    for body, status in ((b"{}", 200), (b"x" * 1001, 413)):
        response = served.fetch("/models/churn/predict", "POST", body, origin=LISTED)
        assert (response.status, response.headers["access-control-allow-origin"]) == (status, LISTED)


def test_a_client_without_an_origin_gets_only_the_vary_header(served):
    response = served.fetch("/models/churn")
    assert (cors(response), response.headers["vary"]) == ({}, "origin")


def test_without_listed_origins_options_reaches_the_model_and_no_header_is_added(unlisted):
    assert cors(ask_first(unlisted, LISTED)) == {}
    assert "vary" not in unlisted.fetch("/models/churn", origin=LISTED).headers


@pytest.mark.parametrize("origin", [LISTED, "http://localhost:8000", "null", ""])
def test_a_page_of_another_host_cannot_open_a_websocket(unlisted, origin):
    response = unlisted.fetch("/models/churn/ws", origin=origin, **SOCKET)
    assert (response.status, b"http.cors" in response.body) == (403, True)


def test_the_servers_own_pages_and_other_clients_open_websockets(unlisted):
    for headers in ({"origin": f"http://127.0.0.1:{unlisted.port}"}, {}):
        assert unlisted.fetch("/models/churn/ws", **headers, **SOCKET).body == b"churn"
    proxied = {"host": "models.example", "origin": "https://models.example"}
    assert unlisted.fetch("/models/churn/ws", **proxied, **SOCKET).body == b"churn", "TLS may end before us"


def test_a_listed_page_opens_a_websocket_and_another_does_not(served):
    assert served.fetch("/models/churn/ws", origin=LISTED, **SOCKET).body == b"churn"
    assert served.fetch("/models/churn/ws", origin=OTHER, **SOCKET).status == 403
