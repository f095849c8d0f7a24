"""One server for all tests, with a replica for each test, on the fast path and on the slow path."""

from collections.abc import Callable, Iterator

import pytest

from tests.contract.http_server import HttpServer
from tests.contract.replica import Replica

Make = Callable[..., Replica]


@pytest.fixture(scope="session")
def shared_server() -> Iterator[HttpServer]:
    http_server = HttpServer()
    yield http_server
    http_server.stop()


@pytest.fixture(params=["fast path", "asgi"])
def way(request: pytest.FixtureRequest) -> str:
    """The path that requests take. With "asgi", the fast path has no endpoints, so all take the slow path."""
    way: str = request.param
    return way


@pytest.fixture(params=["alone", "in a pool"])
def in_pool(request: pytest.FixtureRequest) -> bool:
    """Whether the model shares its replica with two others. Every answer is the same."""
    return bool(request.param == "in a pool")


@pytest.fixture
def replica(shared_server: HttpServer, way: str, in_pool: bool) -> Iterator[Make]:
    """Make a Replica: `replica(model, warmup, queue=..., timeout_s=..., body=...)`."""
    made: list[Replica] = []

    def make(*args: object, http_server: HttpServer = shared_server, **limits: object) -> Replica:
        made.append(Replica(http_server, way, *args, in_pool=in_pool, **limits))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for rig in made:
        rig.close()
