"""A request whose body is decoded first, by a decoder that answers when the test releases it."""

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
    """Records its jobs."""

    def __init__(self, timeout_s: float = 60.0) -> None:
        self.loop = asyncio.get_running_loop()
        self.timeout_s = timeout_s
        self.asked: list[DecodeJob] = []
        self.call: asyncio.Future[Any] = self.loop.create_future()

    async def decode(self, decoding: DecodeJob) -> Any:
        self.asked.append(decoding)
        return await self.call


class FakeServer:
    """Accepts requests, or rejects them."""

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


def test_a_large_body_goes_to_the_decoder_with_its_type_and_options_and_is_then_submitted() -> None:
    async def test() -> None:
        sent = Asked()
        await settled()
        options = {"accept": b"text/csv", "probabilities": True}
        assert sent.decoder.asked == [DecodeJob("predict.decode", LARGE, (b"text/x",), options)]
        assert sent.server.requests == []
        await sent.decoded(call())
        [request] = sent.server.requests
        assert request.inputs["x"] == request_of(4).inputs["x"]
        sent.begun.cancel()
        assert sent.server.cancelled == 1

    run(test)


def test_an_error_in_a_large_body_is_reported_and_recorded() -> None:
    async def test() -> None:
        sent, error = Asked(), InvalidRequest("no")
        await sent.decoded(error)
        assert sent.replies == [error]
        assert [outcome for outcome, *_ in sent.records.requests] == ["InvalidRequest"]

    run(test)


def test_a_rejection_by_the_model_server_is_reported() -> None:
    async def test() -> None:
        error = Overloaded("full")
        sent = Asked(FakeServer(error))
        await sent.decoded(call())
        assert sent.replies == [error]
        assert sent.records.requests == [], "the server recorded it"

    run(test)


def test_a_client_that_disconnects_during_the_decoding_cancels_it() -> None:
    async def test() -> None:
        sent = Asked()
        await settled()
        sent.begun.cancel()
        await settled()
        assert sent.decoder.call.cancelled()
        assert sent.replies == sent.server.requests == []
        assert [outcome for outcome, *_ in sent.records.requests] == ["Cancelled"]

    run(test)


@pytest.mark.parametrize("decoded", [False, True])
def test_the_time_out_is_for_decoding_and_the_model_together(*, decoded: bool) -> None:
    async def test() -> None:
        sent = Asked(timeout_s=0.0)
        if decoded:
            sent.decoder.call.set_result(call())
        while not sent.replies:
            await asyncio.sleep(0)
        [error] = sent.replies
        assert isinstance(error, DeadlineExceeded)
        await settled()
        assert sent.server.cancelled == len(sent.server.requests)
        assert sent.decoder.call.done()

    run(test)
