"""A request whose body is decoded in another process, and then begun."""

import asyncio
from collections.abc import Callable
from typing import Any

from modelyard.errors import DeadlineExceeded
from modelyard.http.endpoint import CancelHandle, Reply, Response
from modelyard.inference.open_requests import OpenRequests
from modelyard.inference.recorder import RequestContext
from modelyard.protocols.decoder.job import DecodeJob
from modelyard.protocols.decoder.process import Decoder


class DeferredRequest:
    """Such a request; the model's time-out is for both."""

    def __init__(
        self,
        decoder: Decoder,
        decoding: DecodeJob,
        begin: Callable[[Any, Reply], CancelHandle],
        reply: Reply,
        *,
        open_requests: OpenRequests,
        context: RequestContext,
    ) -> None:
        """`begin` gets the decoded call; what it raises is recorded already. `reply` is called once, unless this is cancelled."""
        self._begin = begin
        self._reply = reply
        self._open_requests = open_requests
        self._context = context
        self._timeout_s = decoder.timeout_s
        self._begun: CancelHandle | None = None
        self._timer = decoder.loop.call_later(decoder.timeout_s, self._give_up)
        self._decoding = decoder.loop.create_task(self._decode(decoder, decoding))

    def cancel(self) -> None:
        """The client left."""
        self._timer.cancel()
        self._decoding.cancel()
        if self._begun is not None:
            self._begun.cancel()

    async def _decode(self, decoder: Decoder, decoding: DecodeJob) -> None:
        try:
            call = await decoder.decode(decoding)
        except asyncio.CancelledError:
            self._open_requests.left(self._context)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer
            self._tell(self._open_requests.refuse(self._context, error))
            return
        try:
            self._begun = self._begin(call, self._tell)
        except Exception as error:  # noqa: BLE001 - the same
            self._tell(error)

    def _tell(self, outcome: Response | Exception) -> None:
        self._timer.cancel()
        self._reply(outcome)

    def _give_up(self) -> None:
        self.cancel()
        self._reply(DeadlineExceeded(f"no answer within {self._timeout_s:g} s"))
