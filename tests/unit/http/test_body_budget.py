"""The budget for request bodies, and the ASGI application that uses it."""

import asyncio
from collections.abc import Iterable, MutableMapping
from typing import Any

import pytest

from modelyard.errors import Overloaded, PayloadTooLarge
from modelyard.http.asgi import AsgiApp
from modelyard.http.body_budget import MAX_LARGEST_BODIES, SMALL_BYTES, BodyBudget, HeldBytes
from modelyard.http.problem import HttpResponse
from modelyard.http.request import HttpRequest
from modelyard.protocols.grpc.asgi import RejectGrpc

LIMIT = 10 * SMALL_BYTES
MOST = MAX_LARGEST_BODIES * LIMIT
GRPC = b"/a/known/method"


@pytest.fixture
def bodies() -> BodyBudget:
    return BodyBudget(LIMIT)


def test_a_small_body_is_never_counted_and_never_rejected(bodies: BodyBudget) -> None:
    bodies.held_bytes = MOST
    HeldBytes(bodies).set_to(SMALL_BYTES)
    assert bodies.held_bytes == MOST
    assert bodies.rejection(SMALL_BYTES, "") is None


def test_a_large_body_is_counted_in_full_until_it_is_released(bodies: BodyBudget) -> None:
    one, other = HeldBytes(bodies), HeldBytes(bodies)
    one.set_to(SMALL_BYTES + 1)
    other.set_to(2 * SMALL_BYTES)
    one.set_to(LIMIT)
    assert bodies.held_bytes == LIMIT + 2 * SMALL_BYTES
    one.release()
    one.release()
    assert bodies.held_bytes == 2 * SMALL_BYTES
    other.set_to(3)
    assert bodies.held_bytes == 0


def test_a_body_beyond_the_budget_is_rejected_and_its_count_stays(bodies: BodyBudget) -> None:
    held = [HeldBytes(bodies) for _ in range(MAX_LARGEST_BODIES)]
    for each in held:
        each.set_to(LIMIT)
    late = HeldBytes(bodies)
    with pytest.raises(Overloaded, match="no memory left for large requests"):
        late.set_to(SMALL_BYTES + 1)
    assert bodies.held_bytes == MOST
    held[0].release()
    late.set_to(SMALL_BYTES + 1)
    assert bodies.held_bytes == MOST - LIMIT + SMALL_BYTES + 1


def test_an_announced_body_is_rejected_before_it_is_received(bodies: BodyBudget) -> None:
    assert bodies.rejection(LIMIT, "") is None
    assert isinstance(bodies.rejection(LIMIT + 1, ""), PayloadTooLarge)
    bodies.held_bytes = MOST - LIMIT + 1
    assert isinstance(bodies.rejection(LIMIT, ""), Overloaded)
    assert isinstance(bodies.rejection(LIMIT + 1, ""), PayloadTooLarge)
    assert bodies.rejection(LIMIT - 1, "") is None


def test_a_body_of_64_kib_is_small() -> None:
    bodies = BodyBudget(2**20)
    bodies.held_bytes = 4 * 2**20
    assert bodies.rejection(65_536, "") is None
    assert isinstance(bodies.rejection(65_537, ""), Overloaded)


def test_a_body_that_grows_by_one_byte_needs_room_and_one_that_does_not_grow_needs_none(bodies: BodyBudget) -> None:
    held = HeldBytes(bodies)
    held.set_to(LIMIT - 1)
    bodies.held_bytes = MOST
    with pytest.raises(Overloaded):
        held.set_to(LIMIT)
    bodies.set_limit(LIMIT // 2)
    held.set_to(LIMIT - 1)
    assert (held.counted, bodies.held_bytes) == (LIMIT - 1, MOST)


def test_a_body_above_the_limit_is_never_small() -> None:
    assert BodyBudget(10).unchecked_bytes == 10
    assert isinstance(BodyBudget(10).rejection(11, ""), PayloadTooLarge)


def test_a_callback_is_called_when_bytes_are_released(bodies: BodyBudget) -> None:
    released: list[int] = []
    bodies.released = lambda: released.append(bodies.held_bytes)
    held = HeldBytes(bodies)
    held.set_to(SMALL_BYTES)
    held.release()
    assert released == [], "it was never counted"
    held.set_to(LIMIT)
    held.release()
    assert released == [0]


class AsgiRequest:
    """One request of an ASGI application with this budget."""

    def __init__(self, bodies: BodyBudget, **headers: str) -> None:
        self.bodies = bodies
        self.held: list[int] = []
        """The count of the budget at each request for a piece, and at the response."""
        self.sent: list[MutableMapping[str, Any]] = []
        self.error: Exception | None = None
        self.inflated = 0
        pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        self._scope = {"type": "http", "method": "POST", "path": "/models/m/x", "query_string": b"", "headers": pairs}

    async def run(self, pieces: Iterable[bytes]) -> None:
        left = list(pieces)

        async def receive() -> MutableMapping[str, Any]:
            self.held.append(self.bodies.held_bytes)
            if not left:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

        async def send(message: MutableMapping[str, Any]) -> None:
            self.sent.append(message)

        async def respond(request: HttpRequest) -> HttpResponse:
            if self.inflated:
                request.set_held_bytes(self.inflated)
            self.held.append(self.bodies.held_bytes)
            if self.error:
                raise self.error
            return HttpResponse(200, (), b"")

        app = RejectGrpc(AsgiApp(respond, self.bodies), (GRPC,), self.bodies)
        await app(self._scope, receive, send)

    def answered(self, *pieces: bytes) -> int:
        """The status of the response."""
        asyncio.run(self.run(pieces))
        status: int = self.sent[0]["status"]
        return status


def test_a_body_counts_from_its_first_bytes_until_its_response(bodies: BodyBudget) -> None:
    request = AsgiRequest(bodies)
    assert request.answered(bytes(SMALL_BYTES), b"x", bytes(SMALL_BYTES)) == 200
    assert request.held == [0, 0, SMALL_BYTES + 1, 2 * SMALL_BYTES + 1]
    assert bodies.held_bytes == 0


def test_the_inflated_size_replaces_that_of_the_body(bodies: BodyBudget) -> None:
    request = AsgiRequest(bodies)
    request.inflated = LIMIT
    assert request.answered(bytes(SMALL_BYTES + 1)) == 200
    assert request.held[-1] == LIMIT
    assert bodies.held_bytes == 0


def test_an_error_releases_the_bytes(bodies: BodyBudget) -> None:
    request = AsgiRequest(bodies)
    request.error = RuntimeError()
    assert request.answered(bytes(LIMIT)) == 500
    assert bodies.held_bytes == 0


def test_a_client_that_disconnects_while_sending_releases_the_bytes(bodies: BodyBudget) -> None:
    async def test() -> None:
        request = AsgiRequest(bodies)

        async def pieces() -> None:
            async def receive() -> MutableMapping[str, Any]:
                if not bodies.held_bytes:
                    return {"type": "http.request", "body": bytes(LIMIT), "more_body": True}
                return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

            await AsgiApp(lambda request: asyncio.sleep(0, HttpResponse(200, (), b"")), bodies)(
                request._scope, receive, lambda message: asyncio.sleep(0)
            )

        task = asyncio.create_task(pieces())
        while not bodies.held_bytes:
            await asyncio.sleep(0)
        assert bodies.held_bytes == LIMIT
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert bodies.held_bytes == 0

    asyncio.run(test())


@pytest.mark.parametrize("headers", [{}, {"content_length": str(LIMIT)}], ids=["while it comes", "before it comes"])
def test_a_large_body_without_room_is_429(bodies: BodyBudget, headers: dict[str, str]) -> None:
    bodies.held_bytes = MOST
    request = AsgiRequest(bodies, **headers)
    assert request.answered(bytes(LIMIT)) == 429
    assert (b"retry-after", b"1") in request.sent[0]["headers"]
    assert request.held == ([] if headers else [MOST]), "read no further"
    assert bodies.held_bytes == MOST


def test_a_grpc_message_without_room_is_resource_exhausted(bodies: BodyBudget) -> None:
    bodies.held_bytes = MOST
    request = AsgiRequest(bodies, content_length=str(LIMIT), content_type="application/grpc")
    request._scope["path"] = GRPC.decode()
    request.answered()
    assert (b"grpc-status", b"8") in request.sent[0]["headers"]


def test_a_small_body_is_accepted_when_the_budget_is_used_up(bodies: BodyBudget) -> None:
    bodies.held_bytes = MOST
    assert AsgiRequest(bodies, content_length="2").answered(b"{}") == 200
