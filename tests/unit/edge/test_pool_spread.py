"""A pool with several replicas behind the real HAProxy: each model has its replica, unless it has many requests in flight."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import grpc
import pytest

from modelyard.edge.admin_socket import connected
from modelyard.edge.files import LAUNCHER
from modelyard.edge.model_maps import SPREAD_ABOVE, EdgeModel
from modelyard.edge.pool_spread import KEY, TABLE
from tests.unit.edge.dying_replicas import dying_replicas
from tests.unit.edge.proxy import PATIENCE_S, Backend, Edge, Listening, backend
from tests.unit.edge.test_grpc_routing import SERVICE, asking, replica
from tests.unit.edge.test_pool_routing import WEBSOCKET

SMALL = "_pool.small"
MODELS = [f"m{number}" for number in range(60)]


@pytest.fixture
def pool(edge: Edge) -> Edge:
    edge.write(named={name: EdgeModel(f"/models/{name}", pool=SMALL) for name in MODELS})
    return edge


@contextmanager
def backends(names: str) -> Iterator[list[Backend]]:
    with ExitStack() as stack:
        yield [stack.enter_context(backend(name)) for name in names]


def ports(servers: Sequence[Backend]) -> dict[str, list[int]]:
    return {SMALL: [each.port for each in servers]}


def homes(edge: Edge, servers: Sequence[Backend], fallback: int | None = None) -> dict[str, str]:
    """The replica that answers each model, when HAProxy has started with these replicas."""
    with edge.running(ports(servers), fallback=fallback):
        return {name: edge.fetch(f"/models/{name}/predict", "POST", b"{}").body.decode() for name in MODELS}


def moved(before: dict[str, str], after: dict[str, str]) -> Counter[tuple[str, str]]:
    """How many models went from one replica to another."""
    return Counter((before[name], after[name]) for name in MODELS if before[name] != after[name])


@pytest.mark.parametrize(
    ("path", "method", "headers"),
    [
        ("/models/{}/predict", "POST", {}),
        ("/models/{}", "GET", {}),
        ("/v2/models/{}/infer", "POST", {}),
        ("/v1/models/{}:predict", "POST", {}),
        ("/models/{}/stream", "GET", WEBSOCKET),
    ],
)
def test_every_request_to_a_model_reaches_the_same_replica_in_every_protocol(
    pool: Edge, path: str, method: str, headers: dict[str, str]
) -> None:
    with backends("ab") as servers:
        before = homes(pool, servers)
        with pool.running(ports(servers)):
            body = b"{}" if method == "POST" else None
            found = {name: pool.fetch(path.format(name), method, body, **headers).body.decode() for name in MODELS}
    assert found == before
    shares = Counter(before.values())
    assert min(shares["a"], shares["b"]) > len(MODELS) / 4, shares


def test_a_calls_model_has_its_replica_too(pool: Edge) -> None:
    with (
        replica("a") as a,
        replica("b") as b,
        pool.running({SMALL: [a.port, b.port]}),
        grpc.insecure_channel(f"127.0.0.1:{pool.grpc_port}") as channel,
    ):
        infer = channel.unary_unary(f"{SERVICE}/ModelInfer")
        stream = channel.stream_stream(f"{SERVICE}/ModelStreamInfer")
        found = [[infer(asking(name), timeout=PATIENCE_S) for name in MODELS] for _ in range(2)]
        found.append([next(stream(iter([asking(name)]), timeout=PATIENCE_S)) for name in MODELS])
    assert found[0] == found[1] == found[2]
    assert {*found[0]} == {b"a", b"b"}


def test_a_replica_that_is_added_gets_its_share_and_no_other_model_changes_place(pool: Edge) -> None:
    with backends("abc") as (a, b, c):
        before, after = homes(pool, [a, b]), homes(pool, [c, a, b])
        again = homes(pool, [b, a])
    change = moved(before, after)
    assert {to for _, to in change} == {"c"}
    assert len(MODELS) / 6 < change.total() < len(MODELS) / 2, change
    assert again == before


def test_the_models_of_a_replica_that_is_removed_change_place_and_no_others(pool: Edge) -> None:
    with backends("abc") as (a, b, c):
        before, after = homes(pool, [a, b, c]), homes(pool, [b, c])
    assert {source for source, _ in moved(before, after)} == {"a"}


def test_a_replica_that_replaces_another_gets_its_models(pool: Edge) -> None:
    with backends("abc") as (a, b, c):
        before = homes(pool, [a, b])
        homes(pool, [b])  # Serve has noticed that one has died
        after = homes(pool, [b, c])
    assert moved(before, after) == {("a", "c"): Counter(before.values())["a"]}


def test_replicas_that_serve_does_not_list_during_a_rebuild_keep_their_models(pool: Edge) -> None:
    with backends("abf") as (*servers, proxy):
        before = homes(pool, servers, proxy.port)
        pool.files.write_updating([SMALL])
        assert homes(pool, [], proxy.port) == before


def test_a_request_whose_replica_dies_goes_to_another(pool: Edge) -> None:
    with dying_replicas(2) as replicas, pool.running({SMALL: [each.port for each in replicas]}):

        def responses() -> list[tuple[int, bytes]]:
            found = [pool.fetch(f"/models/{name}/predict", "POST", b"{}") for name in MODELS]
            return [(each.status, each.body) for each in found]

        assert {*responses()} == {(200, b"replica 0"), (200, b"replica 1")}
        replicas[0].kill()
        assert {*responses()} == {(200, b"replica 1")}


@pytest.mark.parametrize(
    ("limit", "at_once"), [(SPREAD_ABOVE, SPREAD_ABOVE), (SPREAD_ABOVE, 4 * SPREAD_ABOVE), (2, 12)]
)
def test_a_model_with_many_requests_in_flight_uses_all_replicas(edge: Edge, limit: int, at_once: int) -> None:
    edge.write(named={"m1": EdgeModel("/models/m1", pool=SMALL, spread_above=limit)})
    with held("a") as a, held("b") as b, edge.running({SMALL: [a.port, b.port]}):
        with ThreadPoolExecutor(at_once) as threads:
            answers = [threads.submit(edge.fetch, "/models/m1/predict", "POST", b"{}") for _ in range(at_once)]
            a.wait_for(at_once, b)
            a.release()
            b.release()
            found = Counter(each.result().body.decode() for each in answers)
        alone = edge.fetch("/models/m1/predict", "POST", b"{}").body.decode()
    assert found.total() == at_once
    if at_once <= limit:
        assert found == {alone: at_once}
    else:
        assert limit < found[alone] < at_once - (at_once - limit) / 4, found


def test_a_pool_with_one_replica_is_not_hashed_and_its_requests_are_not_counted(pool: Edge, admin: Path) -> None:
    with backends("a") as servers, pool.running(ports(servers), admin=admin):
        assert pool.fetch("/models/m1/predict", "POST", b"{}").body == b"a"
        with connected(admin) as connection:
            connection.sendall(f"show table {TABLE}\n".encode())
            assert b"used:0" in connection.recv(65536)
    assert "balance hash" not in (pool.folder / "served.cfg").read_text()


def test_a_model_with_replicas_of_its_own_uses_all_of_them(edge: Edge) -> None:
    edge.write(named={"iris": EdgeModel("/models/iris")})
    with backends("ab") as servers, edge.running({"iris": [each.port for each in servers]}):
        found = {edge.fetch("/models/iris/predict", "POST", b"{}").body for _ in range(20)}
    assert found == {b"a", b"b"}


def test_the_launcher_hashes_the_variable_that_the_frontends_set() -> None:
    assert f"balance hash var({KEY})" in LAUNCHER.read_text()


class Held:
    """A replica that answers its requests when they are released."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.arrived = threading.Semaphore(0)
        self._released = threading.Event()

    def wait(self) -> None:
        self.arrived.release()
        self._released.wait(PATIENCE_S)

    def wait_for(self, count: int, other: "Held") -> None:
        """Until this many requests have arrived here and at another one together."""
        deadline = time.monotonic() + PATIENCE_S
        here = 0
        while here < count:
            here += self.arrived.acquire(timeout=0.01) + other.arrived.acquire(blocking=False)
            assert time.monotonic() < deadline, here

    def release(self) -> None:
        self._released.set()


@contextmanager
def held(name: str) -> Iterator[Held]:
    class Response(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            this.wait()
            self.send_response(200)
            self.send_header("content-length", str(len(name)))
            self.end_headers()
            self.wfile.write(name.encode())

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = Listening(("127.0.0.1", 0), Response)
    this = Held(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield this
    finally:
        this.release()
        server.shutdown()
        server.server_close()
        thread.join()
