"""A replica that dies or freezes: clients get another replica's response, or an error in time; never a closed connection."""

import contextlib
import http.client
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import grpc
import pytest

from modelyard.edge.model_maps import EdgeModel
from modelyard.edge.request_rules import BUFFER_BYTES, MAX_HEADERS_BYTES
from modelyard.edge.retries import RETRY_BYTES
from tests.unit.edge.dying_replicas import DyingReplica, dying_replicas
from tests.unit.edge.proxy import PATIENCE_S, Edge, Response, backend
from tests.unit.edge.test_grpc_routing import SERVICE, asking

LARGE = b" " * 2 * BUFFER_BYTES
Churn = Callable[[int], AbstractContextManager[Sequence[DyingReplica]]]


@pytest.fixture
def churn(edge: Edge) -> Churn:
    """This many replicas of the model, each with a connection that was used before. The model's timeout is half a second."""
    edge.write({}, EdgeModel("/models/churn", timeout_s=-2.5), EdgeModel("/models/frail", timeout_s=10, retries=False))

    @contextmanager
    def running(count: int) -> Iterator[Sequence[DyingReplica]]:
        with dying_replicas(count) as replicas, backend("gateway") as gateway, backend("fallback", 503) as fallback:
            ports = [each.port for each in replicas]
            models = {"gateway": [gateway.port], "churn": ports, "frail": ports}
            with edge.running(models, fallback=fallback.port):
                for model in ("churn", "frail"):
                    while not all(each.asked for each in replicas):
                        assert fetch(edge, b"{}", model).status == 200
                for each in replicas:
                    each.asked = 0
                yield replicas

    return running


def fetch(edge: Edge, body: bytes, model: str = "churn") -> Response:
    return edge.fetch(f"/models/{model}/predict", "POST", body)


def test_a_request_whose_replica_dies_goes_to_another(edge: Edge, churn: Churn) -> None:
    with churn(2) as replicas:
        replicas[0].kill()
        answers = [fetch(edge, b"{}") for _ in range(4)]
    assert [(response.status, response.body) for response in answers] == [(200, b"replica 1")] * 4


def test_if_all_replicas_have_died_serves_proxy_waits_for_a_new_one(edge: Edge, churn: Churn) -> None:
    with churn(2) as replicas:
        for each in replicas:
            each.kill()
        answers = [fetch(edge, b"{}") for _ in range(2)]
    assert [(response.status, response.headers["retry-after"]) for response in answers] == [(503, "5")] * 2
    assert b"GET its route for the reason" in answers[0].body


def test_a_request_that_kills_replicas_kills_nine_at_most(edge: Edge, churn: Churn) -> None:
    with churn(10) as replicas:
        response = fetch(edge, b"DIE")
        assert (response.status, response.headers["retry-after"]) == (503, "1")
        assert sum(each.asked for each in replicas) == 9


def test_with_retry_never_a_request_kills_at_most_one_replica(edge: Edge, churn: Churn) -> None:
    with churn(3) as replicas:
        response = fetch(edge, b"DIE", "frail")
        assert (response.status, response.headers["retry-after"]) == (503, "1")
        assert sum(each.asked for each in replicas) == 1
        assert fetch(edge, b"{}", "frail").status == 200


def headers_of(size: int, number: int) -> dict[str, str]:
    """So many headers, of so many bytes in all."""
    return {f"x{each}": "x" * (size // number - len(f"x{each}: \r\n")) for each in range(number)}


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
@pytest.mark.parametrize(
    ("headers", "number"),
    [(0, 1), (10_000, 1), (MAX_HEADERS_BYTES - 1000, 1), (MAX_HEADERS_BYTES - 1000, 90)],
)
@pytest.mark.parametrize(
    ("size", "sent"),
    [(RETRY_BYTES - 1000, {3}), (RETRY_BYTES, {1, 3}), (BUFFER_BYTES - 2000, {1, 3}), (BUFFER_BYTES, {1})],
)
def test_a_request_with_its_headers_below_the_limit_is_sent_again_and_a_larger_one_gets_a_response_too(
    edge: Edge, churn: Churn, headers: int, number: int, size: int, sent: set[int], chunked: bool
) -> None:
    """The connection to the replica was used before: HAProxy would close the client's connection without a response."""
    extra = headers_of(headers, number) if headers else {}
    body = b"DIE" + b" " * (size - headers - 3)
    with churn(3) as replicas:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", edge.port, PATIENCE_S)) as connection:
            content = iter([body[:10], body[10:]]) if chunked else body
            connection.request("POST", "/models/churn/predict", content, extra, encode_chunked=chunked)
            assert connection.getresponse().status == 503
        assert sum(each.asked for each in replicas) in sent


@pytest.mark.parametrize("count", [1, 2])
def test_a_request_too_large_for_the_buffer_is_not_sent_again_and_gets_503(
    edge: Edge, churn: Churn, count: int
) -> None:
    with churn(count) as replicas:
        response = fetch(edge, b"DIE" + LARGE)
        assert (response.status, response.headers["retry-after"]) == (503, "1")
        assert sum(each.asked for each in replicas) == 1


@pytest.mark.parametrize(
    ("model", "body"), [("frail", b"DIE"), ("churn", b"DIE" + LARGE)], ids=["retry-never", "large"]
)
def test_the_next_request_of_a_connection_gets_503_too_if_its_replica_dies(
    edge: Edge, churn: Churn, model: str, body: bytes
) -> None:
    with churn(1), contextlib.closing(http.client.HTTPConnection("127.0.0.1", edge.port, PATIENCE_S)) as connection:
        statuses = []
        for each in (body.removeprefix(b"DIE"), body):
            connection.request("POST", f"/models/{model}/predict", each)
            response = connection.getresponse()
            response.read()
            statuses.append(response.status)
    assert statuses == [200, 503]


def test_a_large_request_is_answered_as_any(edge: Edge, churn: Churn) -> None:
    with churn(1):
        assert fetch(edge, LARGE).body == b"replica 0"
        assert fetch(edge, LARGE).body == b"replica 0"


def test_an_answer_that_has_begun_is_not_begun_again(edge: Edge, churn: Churn) -> None:
    with churn(2) as replicas:
        with pytest.raises(Exception, match="IncompleteRead"):
            fetch(edge, b"HALF")
        assert sum(each.asked for each in replicas) == 1


def test_a_replica_that_is_frozen_costs_its_models_limit_of_time_and_the_request_is_not_sent_again(
    edge: Edge, churn: Churn
) -> None:
    with churn(2) as replicas:
        begun = time.monotonic()
        response = fetch(edge, b"FREEZE")
        assert 0.4 < time.monotonic() - begun < 3
        assert sum(each.asked for each in replicas) == 1
    assert (response.status, response.headers["content-type"]) == (504, "application/problem+json")
    assert b'"title": "Gateway Timeout", "status": 504' in response.body


def test_a_model_without_a_replica_is_waited_for_as_long_as_the_edge_allows(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelyard.edge.http_frontend.HOLD_S", 1)
    edge.write({}, EdgeModel("/models/churn", timeout_s=10))
    models = {"gateway": [1], "churn": []}
    with dying_replicas(1) as (proxy,), edge.running(models, fallback=proxy.port):
        response = fetch(edge, b"FREEZE")
    assert (response.status, response.headers["retry-after"]) == (503, "5")
    assert b'"title": "Service Unavailable", "status": 503' in response.body


def test_a_replica_that_came_while_a_request_waited_answers_for_itself(edge: Edge) -> None:
    edge.write({}, EdgeModel("/models/churn", timeout_s=10))
    models = {"gateway": [1], "churn": []}
    with backend("late", 504, "application/problem+json") as proxy, edge.running(models, fallback=proxy.port):
        response = fetch(edge, b"x")
    assert (response.status, response.body) == (504, b"late")
    assert "retry-after" not in response.headers


def test_a_get_to_a_frozen_gateway_times_out_and_a_load_request_waits(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelyard.edge.http_frontend.GATEWAY_TIMEOUT_S", 1)
    edge.write()
    with dying_replicas(1) as (gateway,), edge.running({"gateway": [gateway.port]}):
        assert edge.fetch("/models", "GET", b"FREEZE").status == 504


def refused(edge: Edge, message: bytes, method: str = "ModelInfer") -> grpc.StatusCode:
    with grpc.insecure_channel(f"127.0.0.1:{edge.grpc_port}") as channel:
        with pytest.raises(grpc.RpcError) as failed:
            if method == "ModelStreamInfer":
                list(channel.stream_stream(f"{SERVICE}/{method}")(iter([message]), timeout=PATIENCE_S))
            else:
                channel.unary_unary(f"{SERVICE}/{method}")(message, timeout=PATIENCE_S)
        return failed.value.code()


@pytest.mark.parametrize(
    ("word", "code"), [(b"DIE", grpc.StatusCode.UNAVAILABLE), (b"FREEZE", grpc.StatusCode.DEADLINE_EXCEEDED)]
)
@pytest.mark.parametrize("more", [b"", LARGE], ids=["small", "large"])
def test_a_call_whose_replica_dies_or_freezes_ends_with_the_right_status(
    edge: Edge, churn: Churn, word: bytes, code: grpc.StatusCode, more: bytes
) -> None:
    with churn(1):
        assert refused(edge, asking("churn") + word + more) is code


def test_a_stream_whose_replica_dies_is_unavailable(edge: Edge, churn: Churn) -> None:
    with churn(1):
        assert refused(edge, asking("churn") + b"DIE", "ModelStreamInfer") is grpc.StatusCode.UNAVAILABLE
