"""A server that is about to stop fails readiness checks and still serves requests."""

from pathlib import Path

import grpc
import pytest

from modelyard.edge.admin_socket import AdminError, announce_shutdown
from tests.unit.edge.proxy import PATIENCE_S, Edge, backend
from tests.unit.edge.test_grpc_routing import SERVICE, asking, replica

HEALTH = "/grpc.health.v1.Health/Check"


def code(channel: grpc.Channel, method: str, message: bytes) -> grpc.StatusCode:
    try:
        channel.unary_unary(method)(message, timeout=PATIENCE_S)
    except grpc.RpcError as error:
        found: grpc.StatusCode = error.code()
        return found
    return grpc.StatusCode.OK


def test_readiness_checks_fail_on_shutdown_and_requests_are_served(edge: Edge, admin: Path) -> None:
    edge.write()
    with (
        backend("gateway", keeps=True) as gateway,
        backend("churn", keeps=True) as churn,
        edge.running({"gateway": [gateway.port], "churn": [churn.port]}, admin=admin),
    ):
        paths = ("/ready", "/v2/health/ready", "/health", "/ping")
        assert {edge.fetch(path).status for path in paths} == {200}
        announce_shutdown(admin)
        answers = [edge.fetch(path) for path in paths]
        assert [response.status for response in answers] == [503] * 4
        assert b"the server is stopping" in answers[0].body
        assert edge.fetch("/v2/health/live").status == 200
        assert edge.fetch("/models/churn/predict", "POST", b"{}").body == b"churn"


def test_a_haproxy_that_starts_during_shutdown_fails_readiness_checks_too(edge: Edge, admin: Path) -> None:
    edge.write()
    edge.files.write_stopping()
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port]}, admin=admin):
        assert edge.fetch("/ready").status == 503
        announce_shutdown(admin)
        assert edge.fetch("/ready").status == 503
        assert edge.fetch("/models").body == b"gateway"


def test_readiness_checks_fail_on_shutdown_over_grpc_too(edge: Edge, admin: Path) -> None:
    edge.write()
    with (
        replica("gateway") as gateway,
        replica("churn") as churn,
        edge.running({"gateway": [gateway.port], "churn": [churn.port]}, admin=admin),
        grpc.insecure_channel(f"127.0.0.1:{edge.grpc_port}") as channel,
    ):
        sent = [(f"{SERVICE}/ServerReady", b""), (HEALTH, b""), (f"{SERVICE}/ModelInfer", asking("churn"))]
        assert [code(channel, *each) for each in sent] == [grpc.StatusCode.OK] * 3
        announce_shutdown(admin)
        unavailable, ok = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.OK
        assert [code(channel, *each) for each in sent] == [unavailable, unavailable, ok]


def test_a_haproxy_that_has_ended_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AdminError):
        announce_shutdown(tmp_path / "admin.sock")
