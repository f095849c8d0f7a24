"""A request whose body is decoded first, by a decoder that answers when the test says so."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modelyard.errors import DeadlineExceeded, InvalidRequest, Overloaded
from modelyard.protocols.decoder.job import LARGE_BYTES, DecodeJob
from modelyard.protocols.predict.codec import PredictCodec
from tests.fakes import DOUBLER, request_of
from tests.unit.inference.rig import Records
from tests.unit.protocols.fake_version import predict_endpoint

LARGE = b'{"instances": [[1]]}' + b" " * LARGE_BYTES


class FakeDecoder:
    """Keeps what it is asked."""

    def __init__(self, timeout_s: float = 60.0) -> None:
        self.loop = asyncio.get_running_loop()
        self.timeout_s = timeout_s
        self.asked: list[DecodeJob] = []
        self.call: asyncio.Future[Any] = self.loop.create_future()

    async def decode(self, decoding: DecodeJob) -> Any:
        self.asked.append(decoding)
        return await self.call


class FakeServer:
    """Takes requests, or refuses them."""

    def __init__(self, error: Exception | None = None) -> None:
        self.requests: list[Any] = []
        self.cancelled = 0
        self._error = error

    def submit(self, request: Any, context: Any, complete: Any) -> "FakeServer":
        if self._error:
            raise self._error
        self.requests.append(request)
        return self

    def cancel(self) -> None:
        self.cancelled += 1


class Asked:
    """A predict request with a large body, under way."""

    def __init__(self, server: FakeServer | None = None, **options: Any) -> None:
        self.decoder = FakeDecoder(**options)
        self.server = server or FakeServer()
        self.records = Records()
        self.replies: list[Any] = []
        endpoint = predict_endpoint(self.server, self.records, self.decoder, probabilities=True)
        self.begun = endpoint.start(LARGE, b"text/x", ((b"accept", b"text/csv"),), self.replies.append, "id")

    async def decoded(self, outcome: Any) -> None:
        """The decoder is ready."""
        await settled()
        if isinstance(outcome, Exception):
            self.decoder.call.set_exception(outcome)
        else:
            self.decoder.call.set_result(outcome)
        await settled()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def awaited() -> None:
        await test()

    asyncio.run(awaited())


def call() -> Any:
    return PredictCodec("doubler", 1, DOUBLER).decode(b'{"instances": [[4]]}', b"application/json")


def test_a_large_body_goes_to_the_decoder_with_all_that_tells_how_and_is_then_submitted() -> None:
    async def test() -> None:
        asked = Asked()
        await settled()
        options = {"accept": b"text/csv", "probabilities": True}
        assert asked.decoder.asked == [DecodeJob("predict.decode", LARGE, (b"text/x",), options)]
        assert asked.server.requests == []
        await asked.decoded(call())
        [request] = asked.server.requests
        assert request.inputs["x"] == request_of(4).inputs["x"]
        asked.begun.cancel()
        assert asked.server.cancelled == 1

    run(test)


def test_what_is_wrong_with_a_large_body_is_told_and_recorded() -> None:
    async def test() -> None:
        asked, error = Asked(), InvalidRequest("no")
        await asked.decoded(error)
        assert asked.replies == [error]
        assert [outcome for outcome, *_ in asked.records.requests] == ["InvalidRequest"]

    run(test)


def test_a_refusal_of_the_model_server_is_told() -> None:
    async def test() -> None:
        error = Overloaded("full")
        asked = Asked(FakeServer(error))
        await asked.decoded(call())
        assert asked.replies == [error]
        assert asked.records.requests == [], "the server recorded it"

    run(test)


def test_a_client_that_leaves_meanwhile_is_waited_for_by_nobody() -> None:
    async def test() -> None:
        asked = Asked()
        await settled()
        asked.begun.cancel()
        await settled()
        assert asked.decoder.call.cancelled()
        assert asked.replies == asked.server.requests == []
        assert [outcome for outcome, *_ in asked.records.requests] == ["Cancelled"]

    run(test)


@pytest.mark.parametrize("decoded", [False, True])
def test_the_time_out_is_for_decoding_and_the_model_together(*, decoded: bool) -> None:
    async def test() -> None:
        asked = Asked(timeout_s=0.0)
        if decoded:
            asked.decoder.call.set_result(call())
        while not asked.replies:
            await asyncio.sleep(0)
        [error] = asked.replies
        assert isinstance(error, DeadlineExceeded)
        await settled()
        assert asked.server.cancelled == len(asked.server.requests)
        assert asked.decoder.call.done()

    run(test)
