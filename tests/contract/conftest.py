"""One server for all tests, a replica in it for each, and every test on both ways in."""

from collections.abc import Callable, Iterator

import pytest

from tests.contract.front import Front
from tests.contract.replica import Replica

Make = Callable[..., Replica]


@pytest.fixture(scope="session")
def shared_front() -> Iterator[Front]:
    front = Front()
    yield front
    front.stop()


@pytest.fixture(params=["fast path", "asgi"])
def way(request: pytest.FixtureRequest) -> str:
    """The path that requests take. With "asgi", the fast path has no endpoints, so all take the slow path."""
    way: str = request.param
    return way


@pytest.fixture
def replica(shared_front: Front, way: str) -> Iterator[Make]:
    """Make a Replica: `replica(model, warmup, queue=..., timeout_s=..., body=...)`."""
    made: list[Replica] = []

    def make(*args: object, front: Front = shared_front, **limits: object) -> Replica:
        made.append(Replica(front, way, *args, **limits))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()
