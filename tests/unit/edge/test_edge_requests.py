"""Checks of a request before routing: path, sizes and upgrades."""

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.edge.request_rules import MAX_HEADERS_BYTES, MAX_URL_BYTES
from tests.unit.edge.proxy import Backend, Edge, Response, backend

KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
PATHS = {
    "/models/churn/predict": "churn",
    "/models/churn/versions/1/predict": "churn",
    "/models/churn/invocations": "churn",
    "/who/leaves/predict": "leavers",
    "/v2/models/leavers/infer": "leavers",
    "/v2/models/churn/versions/12/infer": "churn",
    "/v2/models/churn/stats": "gateway",
    "/v1/models/churn:predict": "churn",
    "/v1/models/churn/versions/1:classify": "churn",
    "/v2/health/ready": "gateway",
    "/models/nobody/predict": "gateway",
}
"""Every kind of path, and the server that answers it."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Edge, dict[str, Backend]]]:
    """An edge and its servers. `leavers` has the route /who/leaves; `sleeper` has no replica."""
    edge = Edge(tmp_path_factory.mktemp("edge"))
    edge.write({"/who/leaves": "leavers"})
    with ExitStack() as servers:
        each = {name: servers.enter_context(backend(name, keeps=True)) for name in ("gateway", "churn", "leavers")}
        with edge.running({name: [server.port] for name, server in each.items()}):
            yield edge, each
    edge.close()


@st.composite
def encodings(draw: st.DrawFn) -> tuple[str, str]:
    """A path, and the same with any characters but slashes encoded, in upper or lower case."""
    path = draw(st.sampled_from(sorted(PATHS)))
    encoded = draw(st.lists(st.booleans(), min_size=len(path), max_size=len(path)))
    form = draw(st.sampled_from(["%%%02x", "%%%02X"]))
    return path, "".join(form % ord(c) if wanted and c != "/" else c for c, wanted in zip(path, encoded, strict=True))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(encodings())
def test_an_encoded_path_is_answered_as_the_path_that_it_encodes(running, pair):
    edge, servers = running
    path, encoded = pair
    assert edge.fetch(f"{encoded}?a=%2F%20b", "POST", b"{}").body == PATHS[path].encode()
    assert servers[PATHS[path]].requests[-1][0] == f"{path}?a=%2F%20b", "its query as the client sent it"


@pytest.mark.parametrize(
    "path",
    [
        "/models/churn%2Fpredict",
        "/models%2fchurn/predict",
        "/%2Fmodels/churn/predict",
        "/models/churn%00/predict",
        "/models/churn/predict%00",
        "/models/churn/predict%20",
        "/models/churn%0D%0Ax:1/predict",
        "/models/churn/..%2fchurn/predict",
        "/models/%5cchurn/predict",
        "/models/%2563hurn/predict",
        "/models/churn/predict%3Fx",
        "/models/churn/predict%23",
        "/models/churn/%zz",
        "/models/churn/predict%",
        "/models/gr%C3%B6%C3%9Fe/predict",
        "/v1/models/churn%2Fversions/1:predict",
        "/who%2Fleaves/predict",
    ],
)
def test_an_encoded_character_that_no_path_has_is_not_found_and_reaches_no_server(running, path):
    edge, servers = running
    before = sum(len(each.requests) for each in servers.values())
    response = edge.fetch(path, "POST", b"{}")
    assert (response.status, "retry-after" in response.headers) == (404, False)
    assert problem(response)["detail"] == "the path contains a character that no path of this server contains"
    assert sum(len(each.requests) for each in servers.values()) == before


def test_a_model_that_is_scaled_to_zero_is_woken_by_an_encoded_path_too(edge):
    edge.write({"/who/leaves": "leavers"})
    with (
        backend("gateway") as gateway,
        backend("proxy") as proxy,
        edge.running({"gateway": [gateway.port], "leavers": []}, fallback=proxy.port),
    ):
        assert edge.fetch("/v1/models/l%65avers%3Apredict", "POST", b"").body == b"proxy"
        assert proxy.requests[0][0] == "/who/leaves/-/v1/models/leavers:predict"


def problem(response: Response) -> dict[str, object]:
    """The problem document."""
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = json.loads(response.body)
    assert document["error"] == document["detail"], "the member that other protocols read"
    return document


@pytest.mark.parametrize(
    "headers",
    [
        {"upgrade": "TLS/1.2", "connection": "upgrade"},
        {"upgrade": "TLS/1.2, HTTP/2.0", "connection": "Upgrade, keep-alive"},
        {"upgrade": "h2c", "connection": "Upgrade, HTTP2-Settings", "http2-settings": "AAMAAABkAAQCAAAAAAIAAAAA"},
        {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-key": KEY},
        {"upgrade": "websocket"},
        {"upgrade": "TLS/1.2"},
    ],
    ids=lambda headers: headers["upgrade"],
)
def test_a_request_that_offers_another_protocol_is_answered_in_this_one_and_its_body_arrives(running, headers):
    edge, servers = running
    response = edge.fetch("/models/churn/predict", "POST", b"{}", **headers)
    assert (response.status, response.body) == (200, b"churn")
    passed = servers["churn"].requests[-1][1]
    assert "upgrade" not in passed
    assert passed["content-length"] == "2"


def test_a_request_without_a_body_may_offer_another_protocol_too(running):
    edge, servers = running
    assert edge.fetch("/models/churn", upgrade="h2c", connection="upgrade").body == b"churn"
    assert "upgrade" not in servers["churn"].requests[-1][1]


def test_a_websocket_reaches_the_model(running):
    edge, servers = running
    edge.fetch("/models/churn/stream", upgrade="websocket", connection="upgrade", sec_websocket_key=KEY)
    assert servers["churn"].requests[-1][1]["upgrade"] == "websocket"


@pytest.mark.parametrize("headers", [1, 90], ids=["one long header", "many headers"])
def test_headers_up_to_the_limit_pass_and_longer_ones_get_431(running, headers):
    edge, _ = running
    fitting = {f"x{number}": "x" * ((MAX_HEADERS_BYTES - 1000) // headers - 10) for number in range(headers)}
    assert edge.fetch("/models/churn", **fitting).status == 200
    response = edge.fetch("/models/churn", **{name: value + "x" * (3000 // headers) for name, value in fitting.items()})
    assert response.status == 431
    assert str(MAX_HEADERS_BYTES) in str(problem(response)["detail"])


def test_a_url_up_to_the_limit_passes_and_a_longer_one_gets_414(running):
    edge, _ = running
    assert edge.fetch(f"/models/{'x' * (MAX_URL_BYTES - 100)}").body == b"gateway"
    response = edge.fetch(f"/models?{'x' * MAX_URL_BYTES}")
    assert response.status == 414
    assert str(MAX_URL_BYTES) in str(problem(response)["detail"])
