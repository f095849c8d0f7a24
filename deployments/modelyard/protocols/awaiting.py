"""An answer in parts for whoever can wait: what is written on the ASGI path."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Generic, TypeVar

from modelyard.errors import ModelyardError
from modelyard.http.endpoint import CancelHandle
from modelyard.inference.deadline import WithTimeout
from modelyard.inference.pending_request import InferResponse
from modelyard.inference.recorder import RequestContext
from modelyard.inference.scheduler import Scheduler
from modelyard.tensors import InferRequest, Tensors

T = TypeVar("T")


async def parts(
    server: Scheduler,
    request: InferRequest,
    context: RequestContext,
    encode: Callable[[Tensors], T],
    timeout_s: float | None = None,
) -> AsyncGenerator[T]:
    """Each part, encoded; of a model that does not generate, its whole answer as the only one. Raises the request's error.

    A part is computed when it is asked for. Whoever does not want the rest closes this, which cancels the request.
    """
    generations = server.generations
    if generations is None:
        yield await whole(server, request, context, encode, timeout_s)
        return
    mail: _Mail[T] = _Mail(encode)
    generation = generations.begin(request, mail.part, mail.done, context, timeout_s)
    try:
        generation.go_on()
        while (part := await mail.next()) is not None:
            yield part
            generation.go_on()
    finally:
        generation.cancel()


async def whole(
    server: Scheduler,
    request: InferRequest,
    context: RequestContext,
    encode: Callable[[Tensors], T],
    timeout_s: float | None = None,
) -> T:
    """The whole answer, encoded. Raises the request's error; whoever stops waiting cancels the request."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[T] = loop.create_future()

    def done(answer: InferResponse | ModelyardError) -> Exception | None:
        if came.done():  # whoever waited has gone
            return None
        try:
            if not isinstance(answer, InferResponse):
                raise answer
            came.set_result(encode(answer.outputs))
        except Exception as error:  # noqa: BLE001 - a model's output that cannot be written is this request's alone
            came.set_exception(error)
            return error
        return None

    begun: CancelHandle
    if timeout_s is None:
        begun = server.submit(request, done, context)
    else:
        begun = WithTimeout(server, request, done, context, timeout_s=timeout_s, loop=loop)
    try:
        return await came
    finally:
        begun.cancel()


class _Mail(Generic[T]):
    """What comes from the model server's callbacks, one at a time, for one who waits."""

    def __init__(self, encode: Callable[[Tensors], T]) -> None:
        self._encode = encode
        self._came: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()

    async def next(self) -> T | None:
        """The next part, None behind the last. Raises the request's error."""
        came = await self._came
        self._came = asyncio.get_running_loop().create_future()
        return came

    def part(self, outputs: Tensors) -> None:
        """See `generation.Part`."""
        encoded = self._encode(outputs)
        if not self._came.cancelled():
            self._came.set_result(encoded)

    def done(self, answer: InferResponse | ModelyardError) -> Exception | None:
        """See `ticket.Done`."""
        if self._came.cancelled():  # whoever waited has gone, and comes to cancel the request
            return None
        if isinstance(answer, InferResponse):
            self._came.set_result(None)
        else:
            self._came.set_exception(answer)
        return None
