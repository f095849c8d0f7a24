"""The budget of request bytes that a process holds, and the ASGI way that keeps to it."""

import asyncio
from collections.abc import Iterable, MutableMapping
from typing import Any

import pytest

from modelyard.errors import Overloaded, PayloadTooLarge
from modelyard.http.asgi import AsgiApp
from modelyard.http.body_budget import BUDGET, SMALL_BYTES, Bodies, Held
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.protocols.grpc.asgi import RejectGrpc

LIMIT = 10 * SMALL_BYTES
MOST = BUDGET * LIMIT
GRPC = b"/a/known/method"


@pytest.fixture
def bodies() -> Bodies:
    return Bodies(LIMIT)


def test_a_small_body_is_never_counted_and_never_refused(bodies: Bodies) -> None:
    bodies.held = MOST
    Held(bodies).set_to(SMALL_BYTES)
    assert bodies.held == MOST
    assert bodies.refusal(SMALL_BYTES) is None


def test_a_large_body_counts_as_a_whole_while_it_grows_and_until_it_is_released(bodies: Bodies) -> None:
    one, other = Held(bodies), Held(bodies)
    one.set_to(SMALL_BYTES + 1)
    other.set_to(2 * SMALL_BYTES)
    one.set_to(LIMIT)
    assert bodies.held == LIMIT + 2 * SMALL_BYTES
    one.release()
    one.release()
    assert bodies.held == 2 * SMALL_BYTES
    other.set_to(3)
    assert bodies.held == 0


def test_who_would_pass_the_budget_is_refused_and_counts_what_it_did_before(bodies: Bodies) -> None:
    held = [Held(bodies) for _ in range(BUDGET)]
    for each in held:
        each.set_to(LIMIT)
    late = Held(bodies)
    with pytest.raises(Overloaded, match="send this one again"):
        late.set_to(SMALL_BYTES + 1)
    assert bodies.held == MOST
    held[0].release()
    late.set_to(SMALL_BYTES + 1)
    assert bodies.held == MOST - LIMIT + SMALL_BYTES + 1


def test_a_body_that_is_announced_is_refused_before_it_comes(bodies: Bodies) -> None:
    assert bodies.refusal(LIMIT) is None
    assert isinstance(bodies.refusal(LIMIT + 1), PayloadTooLarge)
    bodies.held = MOST - LIMIT + 1
    assert isinstance(bodies.refusal(LIMIT), Overloaded)
    assert isinstance(bodies.refusal(LIMIT + 1), PayloadTooLarge)
    assert bodies.refusal(LIMIT - 1) is None


def test_no_body_is_small_that_is_over_the_limit() -> None:
    assert Bodies(10).unchecked == 10
    assert isinstance(Bodies(10).refusal(11), PayloadTooLarge)


def test_it_is_told_when_bytes_are_released(bodies: Bodies) -> None:
    told: list[int] = []
    bodies.released = lambda: told.append(bodies.held)
    held = Held(bodies)
    held.set_to(SMALL_BYTES)
    held.release()
    assert told == [], "which never counted"
    held.set_to(LIMIT)
    held.release()
    assert told == [0]


class Asked:
    """One request of an ASGI application whose budget it is."""

    def __init__(self, bodies: Bodies, **headers: str) -> None:
        self.bodies = bodies
        self.held: list[int] = []
        """Of the budget, when each piece was asked for and when the answer was."""
        self.sent: list[MutableMapping[str, Any]] = []
        self.error: Exception | None = None
        self.inflated = 0
        told = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        self._scope = {"type": "http", "method": "POST", "path": "/models/m/x", "query_string": b"", "headers": told}

    async def run(self, pieces: Iterable[bytes]) -> None:
        left = list(pieces)

        async def receive() -> MutableMapping[str, Any]:
            self.held.append(self.bodies.held)
            if not left:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

        async def send(message: MutableMapping[str, Any]) -> None:
            self.sent.append(message)

        async def respond(request: HttpRequest) -> HttpResponse:
            if self.inflated:
                request.holds(self.inflated)
            self.held.append(self.bodies.held)
            if self.error:
                raise self.error
            return HttpResponse(200, (), b"")

        app = RejectGrpc(AsgiApp(respond, self.bodies), (GRPC,), self.bodies)
        await app(self._scope, receive, send)

    def answered(self, *pieces: bytes) -> int:
        """The status."""
        asyncio.run(self.run(pieces))
        status: int = self.sent[0]["status"]
        return status


def test_a_body_counts_while_it_comes_and_until_it_is_answered(bodies: Bodies) -> None:
    asked = Asked(bodies)
    assert asked.answered(bytes(SMALL_BYTES), b"x", bytes(SMALL_BYTES)) == 200
    assert asked.held == [0, 0, SMALL_BYTES + 1, 2 * SMALL_BYTES + 1]
    assert bodies.held == 0


def test_what_it_inflates_to_counts_in_its_place(bodies: Bodies) -> None:
    asked = Asked(bodies)
    asked.inflated = LIMIT
    assert asked.answered(bytes(SMALL_BYTES + 1)) == 200
    assert asked.held[-1] == LIMIT
    assert bodies.held == 0


def test_an_error_releases_the_bytes(bodies: Bodies) -> None:
    asked = Asked(bodies)
    asked.error = RuntimeError()
    assert asked.answered(bytes(LIMIT)) == 500
    assert bodies.held == 0


def test_a_client_that_leaves_in_the_middle_releases_them(bodies: Bodies) -> None:
    async def test() -> None:
        asked = Asked(bodies)

        async def pieces() -> None:
            async def receive() -> MutableMapping[str, Any]:
                if not bodies.held:
                    return {"type": "http.request", "body": bytes(LIMIT), "more_body": True}
                return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

            await AsgiApp(lambda request: asyncio.sleep(0, HttpResponse(200, (), b"")), bodies)(
                asked._scope, receive, lambda message: asyncio.sleep(0)
            )

        task = asyncio.create_task(pieces())
        while not bodies.held:
            await asyncio.sleep(0)
        assert bodies.held == LIMIT
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert bodies.held == 0

    asyncio.run(test())


@pytest.mark.parametrize("headers", [{}, {"content_length": str(LIMIT)}], ids=["while it comes", "before it comes"])
def test_a_large_body_is_told_to_come_again_where_there_is_no_room(bodies: Bodies, headers: dict[str, str]) -> None:
    bodies.held = MOST
    asked = Asked(bodies, **headers)
    assert asked.answered(bytes(LIMIT)) == 429
    assert (b"retry-after", b"1") in asked.sent[0]["headers"]
    assert asked.held == ([] if headers else [MOST]), "read no further"
    assert bodies.held == MOST


def test_so_is_a_grpc_message(bodies: Bodies) -> None:
    bodies.held = MOST
    asked = Asked(bodies, content_length=str(LIMIT), content_type="application/grpc")
    asked._scope["path"] = GRPC.decode()
    asked.answered()
    assert (b"grpc-status", b"8") in asked.sent[0]["headers"]


def test_a_small_one_is_answered_however_full_it_is(bodies: Bodies) -> None:
    bodies.held = MOST
    assert Asked(bodies, content_length="2").answered(b"{}") == 200
