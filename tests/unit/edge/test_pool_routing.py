"""Models of pools behind the real HAProxy: their routes change while it runs, and every protocol reaches the pool."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import grpc
import pytest

from modelyard.control.edge_maps import EdgeMaps
from modelyard.edge.model_maps import EdgeModel
from modelyard.edge.retries import RETRY_BYTES
from tests.unit.edge.proxy import PATIENCE_S, Backend, Edge, backend
from tests.unit.edge.test_grpc_routing import SERVICE, asking, replica

SMALL, LARGE = "_pool.small", "_pool.large"
CHURN = EdgeModel("/models/churn", pool=SMALL)
WHO = EdgeModel("/who", pool=SMALL)
WEBSOCKET = {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}


class Live:
    """A running HAProxy, whose maps change and which is never started again."""

    def __init__(self, edge: Edge, process: "Popen[bytes]", servers: dict[str, Backend]) -> None:
        self.edge, self.process, self.servers = edge, process, servers
        self.maps, self.reported = EdgeMaps(edge.files), list[str]()

    def change(self, **models: EdgeModel) -> None:
        """The models from now on."""
        self.edge.write(named=models)
        self.maps.check(self.reported.append)
        assert {*self.reported} == {""}
        assert self.process.poll() is None
        assert self.edge.files.haproxy_pid() == self.process.pid

    def reached(self, path: str, method: str = "POST", **headers: str) -> tuple[str, str]:
        """The server that gets a request, and the path there."""
        body = self.edge.fetch(path, method, b"{}" if method == "POST" else None, **headers).body.decode()
        return body, self.servers[body].requests[-1][0] if body in self.servers else ""


@contextmanager
def live(edge: Edge, admin: Path, *, fallback: bool = False, **models: EdgeModel) -> Iterator[Live]:
    """HAProxy with a replica of each of two pools, none of a third, and the models `iris` and `who` alone."""
    edge.write(named=models)
    (edge.folder / "node").symlink_to(admin.parent)
    with (
        backend("gateway") as gateway,
        backend(SMALL) as small,
        backend(LARGE) as large,
        backend("iris") as iris,
        backend("proxy") as proxy,
    ):
        servers = {each.name: each for each in (gateway, small, large, iris, proxy)}
        ports = {name: [each.port] for name, each in servers.items() if name != "proxy"}
        with edge.running(
            {**ports, "_pool.away": []}, admin=admin, fallback=proxy.port if fallback else None
        ) as process:
            yield Live(edge, process, servers)


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/models/churn/predict", "POST", {}),
        ("/models/churn", "GET", {}),
        ("/models/churn/versions/1/predict?raw=1", "POST", {}),
        ("/v2/models/churn/infer", "POST", {}),
        ("/v2/models/churn", "GET", {}),
        ("/v1/models/churn:predict", "POST", {}),
        ("/models/churn/stream", "GET", WEBSOCKET),
    ],
)
def test_every_path_of_a_model_reaches_its_pool_behind_the_route_of_the_pool(
    edge: Edge, admin: Path, path: str, method: str, headers: dict[str, str]
) -> None:
    with live(edge, admin, churn=CHURN) as haproxy:
        assert haproxy.reached(path, method, **headers) == (SMALL, f"/_pool.small/-{path}")


def test_a_custom_route_reaches_the_pool_and_so_does_the_usual_one(edge: Edge, admin: Path) -> None:
    with live(edge, admin, churn=WHO) as haproxy:
        assert haproxy.reached("/who/predict") == (SMALL, "/_pool.small/-/who/predict")
        assert haproxy.reached("/who", "GET") == (SMALL, "/_pool.small/-/who")
        assert haproxy.reached("/v2/models/churn/infer") == (SMALL, "/_pool.small/-/v2/models/churn/infer")
        assert haproxy.reached("/whoever") == ("gateway", "/whoever")


@pytest.mark.parametrize(("retries", "size"), [(False, 2), (True, RETRY_BYTES), (False, RETRY_BYTES)])
@pytest.mark.parametrize("path", ["/models/churn/predict", "/v2/models/churn/infer"])
def test_a_request_that_is_not_sent_again_has_the_same_path(
    edge: Edge, admin: Path, path: str, retries: bool, size: int
) -> None:
    """HAProxy forwards it to itself; see edge/retries.py."""
    with live(edge, admin, churn=EdgeModel("/models/churn", pool=SMALL, retries=retries)) as haproxy:
        assert haproxy.edge.fetch(path, "POST", b"x" * size).body == SMALL.encode()
        assert haproxy.servers[SMALL].requests[-1][0] == f"/_pool.small/-{path}"


@pytest.mark.parametrize(
    "path",
    [
        "/models/_pool.small/predict",
        "/models/_pool.small",
        "/v2/models/_pool.small/infer",
        "/v1/models/_pool.small:predict",
        "/_pool.small/-/models/churn/predict",
        "/_pool.small",
        "/models/_pool.away/predict",
        "/v2/models/churn/stats",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_pool_is_no_model(edge: Edge, admin: Path, path: str, method: str) -> None:
    with live(edge, admin, churn=CHURN) as haproxy:
        assert haproxy.reached(path, method) == ("gateway", path)


def test_a_model_is_added_changed_and_removed_while_haproxy_runs(edge: Edge, admin: Path) -> None:
    with live(edge, admin) as haproxy:
        assert haproxy.reached("/models/churn/predict")[0] == "gateway"
        haproxy.change(churn=CHURN)
        assert haproxy.reached("/models/churn/predict")[0] == SMALL
        assert haproxy.reached("/who/predict")[0] == "gateway"
        haproxy.change(churn=WHO)
        assert haproxy.reached("/who/predict")[0] == SMALL
        haproxy.change(churn=EdgeModel("/whose", pool=LARGE))
        assert haproxy.reached("/whose/predict") == (LARGE, "/_pool.large/-/whose/predict")
        assert haproxy.reached("/who/predict")[0] == "gateway"
        haproxy.change()
        assert haproxy.reached("/whose/predict")[0] == "gateway"
        assert haproxy.reached("/v2/models/churn/infer")[0] == "gateway"


def test_a_model_moves_into_a_pool_and_out_of_it_while_haproxy_runs(edge: Edge, admin: Path) -> None:
    alone, pooled = EdgeModel("/models/iris"), EdgeModel("/models/iris", pool=LARGE)
    with live(edge, admin, iris=alone) as haproxy:
        assert haproxy.reached("/models/iris/predict") == ("iris", "/models/iris/predict")
        haproxy.change(iris=pooled)
        assert haproxy.reached("/models/iris/predict") == (LARGE, "/_pool.large/-/models/iris/predict")
        assert haproxy.reached("/v2/models/iris/infer")[0] == LARGE
        haproxy.change(iris=alone)
        assert haproxy.reached("/models/iris/predict") == ("iris", "/models/iris/predict")


def test_a_model_moves_out_of_its_pool_with_its_route(edge: Edge, admin: Path) -> None:
    """HAProxy has started since the application of its own was deployed, and does not start when the model leaves its pool."""
    with live(edge, admin, iris=EdgeModel("/who", pool=SMALL, moves_out_to="/who")) as haproxy:
        assert haproxy.reached("/who/predict") == (SMALL, "/_pool.small/-/who/predict")
        haproxy.change(iris=EdgeModel("/who"))
        assert haproxy.reached("/who/predict") == ("iris", "/who/predict")
        assert haproxy.reached("/who", "GET") == ("iris", "/who")


def test_a_route_moves_from_one_model_of_a_pool_to_another(edge: Edge, admin: Path) -> None:
    with live(edge, admin, churn=WHO, wine=EdgeModel("/models/wine", pool=LARGE)) as haproxy:
        haproxy.change(churn=CHURN, wine=EdgeModel("/who", pool=LARGE))
        assert haproxy.reached("/who/predict") == (LARGE, "/_pool.large/-/who/predict")


def test_a_thousand_models_are_added_at_once(edge: Edge, admin: Path) -> None:
    many = {f"m{number}": EdgeModel(f"/routes/{number}", pool=SMALL) for number in range(1000)}
    with live(edge, admin) as haproxy:
        haproxy.change(**many)
        assert haproxy.reached("/routes/999/predict")[0] == SMALL
        assert haproxy.reached("/routes/1/predict")[0] == SMALL


@pytest.mark.parametrize("path", ["/models/churn/predict", "/v2/models/churn/infer"])
def test_requests_wait_for_a_pool_without_a_replica_at_serves_proxy(edge: Edge, admin: Path, path: str) -> None:
    with live(edge, admin, fallback=True, churn=EdgeModel("/models/churn", pool="_pool.away")) as haproxy:
        assert haproxy.reached(path) == ("proxy", f"/_pool.away/-{path}")


@pytest.mark.parametrize("path", ["/models/churn", "/v2/models/churn/ready"])
def test_the_gateway_says_what_a_model_whose_pool_has_no_replica_waits_for(edge: Edge, admin: Path, path: str) -> None:
    with live(edge, admin, fallback=True, churn=EdgeModel("/models/churn", pool="_pool.away")) as haproxy:
        assert haproxy.reached(path, "GET") == ("gateway", path)


def test_a_model_whose_pool_is_not_there_is_the_gateways(edge: Edge, admin: Path) -> None:
    with live(edge, admin, churn=EdgeModel("/models/churn", pool="_pool.gone")) as haproxy:
        assert haproxy.reached("/models/churn/predict") == ("gateway", "/models/churn/predict")


def test_a_model_whose_pools_replicas_are_down_has_an_error_at_once(edge: Edge) -> None:
    edge.write(named={"churn": CHURN})
    with backend("gateway") as gateway, edge.running({"gateway": [gateway.port], SMALL: [0]}):
        response = edge.fetch("/models/churn/predict", "POST", b"{}")
    assert (response.status, response.headers["retry-after"]) == (503, "1")


def test_a_calls_model_is_found_in_its_pool(edge: Edge, admin: Path) -> None:
    edge.write(named={"churn": CHURN})
    (edge.folder / "node").symlink_to(admin.parent)
    with (
        replica("gateway") as gateway,
        replica(SMALL) as small,
        replica(LARGE) as large,
        edge.running({each.name: [each.port] for each in (gateway, small, large)}, admin=admin),
        grpc.insecure_channel(f"127.0.0.1:{edge.grpc_port}") as channel,
    ):

        def reached(model: str, method: str = "ModelInfer") -> str:
            response: bytes = channel.unary_unary(f"{SERVICE}/{method}")(asking(model), timeout=PATIENCE_S)
            return response.decode()

        def stream_reached(model: str) -> str:
            stream = channel.stream_stream(f"{SERVICE}/ModelStreamInfer")
            response: bytes = next(stream(iter([asking(model)]), timeout=PATIENCE_S))
            return response.decode()

        assert reached("churn") == reached("churn", "ModelMetadata") == stream_reached("churn") == SMALL
        assert small.calls[-1][0] == f"{SERVICE}/ModelStreamInfer", "gRPC paths are the same for every application"
        assert reached("_pool.small") == reached("wine") == reached("churn", "ModelStatistics") == "gateway"
        edge.write(
            named={"churn": EdgeModel("/models/churn", pool=LARGE), "wine": EdgeModel("/models/wine", pool=SMALL)}
        )
        EdgeMaps(edge.files).check(lambda _: None)
        assert (reached("churn"), stream_reached("churn"), reached("wine")) == (LARGE, LARGE, SMALL)


def test_the_load_balancer_reaches_applications_that_have_replicas(edge: Edge, admin: Path) -> None:
    with live(edge, admin) as haproxy:
        reaches = haproxy.maps.reaches
        assert [reaches(name) for name in (SMALL, "iris", "_pool.away", "_pool.gone")] == [True, True, False, False]
    assert not reaches(SMALL), "a HAProxy that does not respond"


def test_before_haproxy_has_started_it_reaches_nothing(edge: Edge) -> None:
    edge.write()
    assert not EdgeMaps(edge.files).reaches(SMALL)
