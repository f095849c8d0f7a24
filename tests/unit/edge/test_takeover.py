"""A new HAProxy takes over, as at each change of any model: requests on persistent connections."""

import http.client
import subprocess
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest

from tests.unit.edge.proxy import PATIENCE_S, Edge, backend, wait_until_replaced
from tests.unit.edge.test_grpc_routing import SERVICE, asking, replica


class Changing:
    """An edge whose HAProxy is replaced in the way of Serve."""

    def __init__(self, edge: Edge, admin: Path, running: ExitStack) -> None:
        self._edge = edge
        self._admin = admin
        self._running = running
        self._all: list[subprocess.Popen[bytes]] = []

    def serve(self, backends: Mapping[str, int]) -> None:
        """A new HAProxy with these models and ports. The previous processes have detected that they are replaced."""
        ports = {name: [port] for name, port in backends.items()}
        living = [each for each in self._all if each.poll() is None]
        takeover = ["-sf", *(str(each.pid) for each in living), "-x", str(self._admin)] if living else []
        new = self._running.enter_context(self._edge.running(ports, *takeover, admin=self._admin))
        for old in living:
            wait_until_replaced(old, self._edge.port)
        self._all.append(new)


@pytest.fixture
def changing(edge: Edge, admin: Path) -> Iterator[Changing]:
    with ExitStack() as running:
        yield Changing(edge, admin, running)


@pytest.fixture
def kept(edge: Edge) -> Iterator[http.client.HTTPConnection]:
    """A client's persistent connection. The client never sends a request twice."""
    connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=PATIENCE_S)
    yield connection
    connection.close()


def fetch(connection: http.client.HTTPConnection, path: str = "/models/churn/predict") -> tuple[int, bytes, str | None]:
    """Status, body and the Connection header."""
    connection.request("POST", path, b"{}")
    response = connection.getresponse()
    return response.status, response.read(), response.getheader("connection")


@contextmanager
def alive(name: str) -> Iterator[int]:
    """The port of a server with persistent connections."""
    with backend(name, keeps=True) as server:
        yield server.port


def test_a_request_on_an_idle_connection_reaches_the_current_replica_and_the_connection_closes(edge, changing, kept):
    edge.write()
    with alive("gateway") as gateway, alive("before") as old:
        changing.serve({"gateway": gateway, "churn": old})
        assert fetch(kept) == (200, b"before", None)
        with alive("after") as new:
            changing.serve({"gateway": gateway, "churn": new})
            assert fetch(kept) == (200, b"after", "close")


def test_a_model_that_was_added_later_is_reachable_on_old_connections(edge, changing, kept):
    edge.write()
    with alive("gateway") as gateway, alive("churn") as churn, alive("new") as new:
        changing.serve({"gateway": gateway, "churn": churn})
        assert fetch(kept, "/models/new/predict")[1] == b"gateway"
        changing.serve({"gateway": gateway, "churn": churn, "new": new})
        assert fetch(kept, "/models/new/predict")[1] == b"new"


def test_a_connection_may_be_idle_for_many_changes(edge, changing, kept):
    edge.write()
    with alive("gateway") as gateway:
        for replaced in range(4):
            with alive(f"replica {replaced}") as churn:
                changing.serve({"gateway": gateway, "churn": churn})
                if replaced in (0, 3):
                    assert fetch(kept)[:2] == (200, f"replica {replaced}".encode())


def test_a_forwarded_request_is_as_the_client_sent_it(edge, changing, kept):
    edge.write(http={"port": edge.port, "cors": ["https://app.example"]})
    with backend("churn", keeps=True) as churn, alive("gateway") as gateway:
        changing.serve({"gateway": gateway, "churn": churn.port})
        fetch(kept)
        changing.serve({"gateway": gateway, "churn": churn.port})
        kept.request("POST", "/models/%63hurn/predict?a=%20b", b"{}", {"origin": "https://app.example", "x-mine": "1"})
        response = kept.getresponse()
        response.read()
    path, headers = churn.requests[-1]
    assert (path, headers["x-mine"]) == ("/models/churn/predict?a=%20b", "1")
    assert response.headers.get_all("vary") == ["origin"]
    assert response.headers.get_all("access-control-allow-origin") == ["https://app.example"]


def test_a_grpc_channel_that_was_idle_loses_no_call(edge, changing):
    edge.write()
    with replica("gateway") as gateway, grpc.insecure_channel(f"127.0.0.1:{edge.grpc_port}") as channel:
        call = channel.unary_unary(f"{SERVICE}/ModelInfer")
        for name in ("one", "two", "three"):
            with replica(name) as churn:
                changing.serve({"gateway": gateway.port, "churn": churn.port})
                assert call(asking("churn"), timeout=PATIENCE_S) == name.encode()


@pytest.mark.parametrize("over_grpc", [False, True], ids=["HTTP", "gRPC"])
def test_of_clients_that_keep_their_connections_busy_or_idle_none_loses_a_request(edge, changing, over_grpc):
    """They never send a request twice; gRPC's own library does if the call has not been sent."""
    edge.write()
    server = replica if over_grpc else alive
    seen: Counter[object] = Counter()
    rounds, busy, idle = 4, 3, 6
    over = threading.Event()
    turns = threading.Barrier(1 + idle)
    """Clients that are idle between two changes, and the object that makes the changes."""

    def client(fetch: Callable[[], object], waits: bool) -> None:
        while not over.is_set():
            if waits:
                turns.wait(PATIENCE_S)
            try:
                seen[fetch()] += 1
            except (OSError, http.client.HTTPException, grpc.RpcError) as error:
                seen[repr(error)] += 1
            if waits:
                turns.wait(PATIENCE_S)

    with ExitStack() as everything:
        asks = [everything.enter_context(asker(edge, over_grpc)) for _ in range(idle + busy)]
        gateway = port_of(everything.enter_context(server("gateway")))
        living: deque[ExitStack] = deque()
        """A replica stops when its last request is answered: here, at the change after the one that removes it."""

        def change() -> None:
            living.append(everything.enter_context(ExitStack()))
            churn = port_of(living[-1].enter_context(server("churn")))
            changing.serve({"gateway": gateway, "churn": churn})
            if len(living) > 2:
                living.popleft().close()

        change()
        threads = [threading.Thread(target=client, args=(each, i < idle)) for i, each in enumerate(asks)]
        for thread in threads:
            thread.start()
        for turn in range(rounds):
            turns.wait(PATIENCE_S)
            if turn == rounds - 1:
                over.set()
            turns.wait(PATIENCE_S)
            change()
        for thread in threads:
            thread.join()
    assert seen.keys() == {b"churn"}
    assert seen[b"churn"] >= rounds * idle + busy


@contextmanager
def asker(edge: Edge, over_grpc: bool) -> Iterator[Callable[[], bytes]]:
    """One client with its own connection."""
    if over_grpc:
        own = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(f"127.0.0.1:{edge.grpc_port}", options=own) as channel:
            call = channel.unary_unary(f"{SERVICE}/ModelInfer")
            yield lambda: call(asking("churn"), timeout=PATIENCE_S)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=PATIENCE_S)
        yield lambda: fetch(connection)[1]
        connection.close()


def port_of(server: object) -> int:
    return server if isinstance(server, int) else server.port  # type: ignore[attr-defined,no-any-return]
