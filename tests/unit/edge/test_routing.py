"""Requests through the real HAProxy: the server that each reaches, and the edge's own errors."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.unit.edge.proxy import Backend, Edge, Response, accept_and_close, backend

BODY_LIMIT = 1000
KEY = "AAAAAAAAAAAAAAAAAAAAAA=="


@pytest.fixture
def backends(edge: Edge) -> Iterator[dict[str, Backend]]:
    """Behind a running edge; the one replica of `away` is down, and `leavers` has the route /who/leaves. One is named `stats`."""
    edge.write({"/who/leaves": "leavers"}, body=BODY_LIMIT)
    with ExitStack() as servers:
        each = {name: servers.enter_context(backend(name)) for name in ("gateway", "churn", "leavers", "stats")}
        ports = {name: [server.port] for name, server in each.items()}
        with edge.running({**ports, "away": [0]}):
            yield each


def problem(response: Response) -> dict[str, object]:
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = json.loads(response.body)
    assert document["status"] == response.status
    assert document["error"] == document["detail"], "the member that other protocols read"
    return document


@pytest.mark.parametrize(
    ("path", "reached"),
    [
        ("/models/churn", "churn"),
        ("/models/churn/predict", "churn"),
        ("/models/churn/versions/1/predict?raw=1", "churn"),
        ("/models/churn?x=/who/leaves/", "churn"),
        ("/who/leaves", "leavers"),
        ("/who/leaves/predict", "leavers"),
        ("/who/leaves/predict?x=1", "leavers"),
        ("/", "gateway"),
        ("/models", "gateway"),
        ("/models/", "gateway"),
        ("/models//churn", "gateway"),
        ("/models/churns/predict", "gateway"),
        ("/models/Churn/predict", "gateway"),
        ("/models/gateway/predict", "gateway"),
        ("/who", "gateway"),
        ("/who/leaves2/predict", "gateway"),
        ("/x/who/leaves/predict", "gateway"),
        ("/churn/predict", "gateway"),
        ("/ready", "gateway"),
        ("/v2/models/churn", "churn"),
        ("/v2/models/churn/infer", "churn"),
        ("/v2/models/churn/versions/1/infer?x=1", "churn"),
        ("/v2/models/leavers/infer", "leavers"),
        ("/v2/models/who/leaves/infer", "gateway"),
        ("/v2/models/churns/infer", "gateway"),
        ("/models/churn/openapi.json", "gateway"),
        ("/who/leaves/openapi.json", "gateway"),
        ("/models/away/openapi.json", "gateway"),
        ("/v2/models/churn/openapi.json", "churn"),
        ("/v2/models/stats", "gateway"),
        ("/v2/models/churn/stats", "gateway"),
        ("/v2/models/churn/stats/?x=1", "gateway"),
        ("/v2/models/churn/versions/1/stats", "gateway"),
        ("/v1/models/stats", "stats"),
        ("/v2/models/stats/infer", "stats"),
        ("/v2/models", "gateway"),
        ("/v2/models/", "gateway"),
        ("/v2", "gateway"),
        ("/v2/health/ready", "gateway"),
        ("/v2/repository/models/churn/load", "gateway"),
        ("/v1/models/churn", "churn"),
        ("/v1/models/churn:predict", "churn"),
        ("/v1/models/churn/versions/1:predict", "churn"),
        ("/v1/models/churns:predict", "gateway"),
        ("/v3/models/churn/infer", "gateway"),
    ],
)
def test_a_path_reaches_the_models_own_servers_or_else_the_gateway(edge, backends, path, reached):
    assert edge.fetch(path, "POST", b"{}").body == reached.encode()
    assert backends[reached].requests[-1][0] == path, "as the client sent it"


def test_a_model_whose_replicas_are_all_down_is_unavailable(edge, backends):
    response = edge.fetch("/models/away/predict", "POST", b"{}")
    assert (response.status, response.headers["retry-after"]) == (503, "1")
    assert problem(response)["detail"] == "no replica of the model is available"


def test_a_replica_that_dies_gives_a_problem_document_and_not_serves_plain_500(edge):
    edge.write()
    with socket.create_server(("127.0.0.1", 0)) as dies:
        threading.Thread(target=accept_and_close, args=(dies,), daemon=True).start()
        with edge.running({"gateway": [dies.getsockname()[1]], "frail": [dies.getsockname()[1]]}):
            response = edge.fetch("/models/frail/predict", "POST", b"{}")
    assert (response.status, response.headers["retry-after"]) == (503, "1")
    assert problem(response)["detail"] == "no replica of the model responded"


@pytest.mark.parametrize(
    ("method", "headers", "reached"),
    [
        ("POST", {}, b"proxy"),
        ("GET", {"upgrade": "WebSocket", "connection": "upgrade", "sec-websocket-key": KEY}, b"proxy"),
        ("GET", {}, b"gateway"),
    ],
    ids=["a request wakes it", "a WebSocket does", "asking about it does not"],
)
def test_a_model_that_is_scaled_to_zero_is_woken_by_serves_proxy(edge, method, headers, reached):
    edge.write()
    with (
        backend("gateway") as gateway,
        backend("proxy") as proxy,
        edge.running({"gateway": [gateway.port], "asleep": []}, fallback=proxy.port),
    ):
        assert edge.fetch("/models/asleep", method, b"", **headers).body == reached


@pytest.mark.parametrize(("model", "route"), [("churn", "/models/churn"), ("leavers", "/who/leaves")])
@pytest.mark.parametrize(
    ("path", "method", "sent"),
    [("/invocations", "POST", "/invocations"), ("/ping", "GET", "/ready"), ("/health", "GET", "/ready")],
)
def test_sagemakers_paths_are_the_default_models(edge, model, route, path, method, sent):
    edge.write({"/who/leaves": "leavers"}, default_model=model)
    with backend("gateway") as gateway, backend(model) as chosen:
        with edge.running({"gateway": [gateway.port], model: [chosen.port]}):
            assert edge.fetch(path, method, b"{}" if method == "POST" else None).body == model.encode()
        assert chosen.requests[-1][0] == route + sent


def test_without_a_default_model_sagemakers_paths_reach_no_model(edge, backends):
    assert edge.fetch("/invocations", "POST", b"{}").body == b"gateway"
    assert backends["gateway"].requests[-1][0] == "/invocations"


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/v2/models/asleep/infer", "/models/asleep/-/v2/models/asleep/infer"),
        ("/v1/models/asleep:predict?x=1", "/models/asleep/-/v1/models/asleep:predict?x=1"),
        ("/v2/models/leavers/infer", "/who/leaves/-/v2/models/leavers/infer"),
        ("/models/asleep/predict", "/models/asleep/predict"),
    ],
)
def test_serves_proxy_finds_a_model_by_its_route_whatever_the_protocol(edge, path, sent):
    edge.write({"/who/leaves": "leavers"})
    with (
        backend("gateway") as gateway,
        backend("proxy") as proxy,
        edge.running({"gateway": [gateway.port], "asleep": [], "leavers": []}, fallback=proxy.port),
    ):
        assert edge.fetch(path, "POST", b"").body == b"proxy"
        assert [path for path, _ in proxy.requests] == [sent]
        assert edge.fetch(path, "GET").body == b"gateway"


def test_a_model_with_a_replica_is_not_left_to_serves_proxy(edge):
    edge.write()
    with (
        backend("churn") as churn,
        backend("proxy") as proxy,
        edge.running({"churn": [churn.port]}, fallback=proxy.port),
    ):
        assert edge.fetch("/models/churn", "GET").body == b"churn"
        assert edge.fetch("/models/churn/predict", "POST", b"").body == b"churn"


def test_an_error_of_serves_proxy_for_a_model_that_does_not_start_is_replaced(edge):
    edge.write()
    with backend("internals of Ray", 503) as proxy, edge.running({"broken": []}, fallback=proxy.port):
        response = edge.fetch("/models/broken/predict", "POST", b"")
    assert (response.status, response.headers["retry-after"]) == (503, "5")
    assert problem(response)["detail"] == "no replica of the model is available; GET its route for the reason"


def test_a_replicas_error_through_serves_proxy_is_not_replaced(edge):
    edge.write()
    with (
        backend('{"title": "its own"}', 500, "application/problem+json") as proxy,
        edge.running({"waking": []}, fallback=proxy.port),
    ):
        response = edge.fetch("/models/waking/predict", "POST", b"")
    assert (response.status, response.body) == (500, b'{"title": "its own"}')


def test_a_replicas_own_error_is_not_replaced(edge):
    edge.write()
    with backend("its own words", 503) as churn, edge.running({"churn": [churn.port]}, fallback=1):
        assert edge.fetch("/models/churn/predict", "POST", b"").body == b"its own words"


def test_a_body_over_the_limit_is_rejected_at_the_edge(edge, backends):
    response = edge.fetch("/models/churn/predict", "POST", b"x" * (BODY_LIMIT + 1))
    assert response.status == 413
    assert str(BODY_LIMIT) in str(problem(response)["detail"])
    assert backends["churn"].requests == []


def test_a_body_at_the_limit_is_accepted(edge, backends):
    assert edge.fetch("/models/churn/predict", "POST", b"x" * BODY_LIMIT).body == b"churn"


@pytest.mark.parametrize("path", ["/models/churn/predict", "/who/leaves/predict", "/models"])
def test_clients_cannot_change_how_serve_treats_their_request(edge, backends, path):
    edge.fetch(path, x_request_timeout_seconds="0.001", x_request_disconnect_disabled="?1", x_request_id="mine")
    (headers,) = [headers for each in backends.values() for _, headers in each.requests]
    assert not {"x-request-timeout-seconds", "x-request-disconnect-disabled"} & headers.keys()
    assert headers["x-request-id"] == "mine", "others pass"
