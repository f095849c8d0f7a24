"""A request whose body is decoded in another process before it is submitted."""

import asyncio
from collections.abc import Callable
from typing import Any

from modelyard.errors import DeadlineExceeded
from modelyard.inference.open_requests import OpenRequests
from modelyard.inference.recorder import RequestContext
from modelyard.inference.service import CancelHandle
from modelyard.protocols.decoder.job import DecodeJob
from modelyard.protocols.decoder.process import Decoder

Reply = Callable[[Any], None]
"""Gets a response or an exception."""


class DeferredRequest:
    """A `CancelHandle` of both: decoding and inference share the model's timeout."""

    def __init__(
        self,
        decoder: Decoder,
        job: DecodeJob,
        submit: Callable[[Any, Reply], CancelHandle],
        reply: Reply,
        *,
        open_requests: OpenRequests,
        context: RequestContext,
    ) -> None:
        """`submit` gets the decoded request, and records the errors it raises. `reply` is called once, unless this is cancelled."""
        self._submit = submit
        self._reply = reply
        self._open_requests = open_requests
        self._context = context
        self._timeout_s = decoder.timeout_s
        self._submitted: CancelHandle | None = None
        self._timer = decoder.loop.call_later(decoder.timeout_s, self._on_timeout)
        self._decoding = decoder.loop.create_task(self._decode(decoder, job))

    def cancel(self) -> None:
        """See `CancelHandle`."""
        self._timer.cancel()
        self._decoding.cancel()
        if self._submitted is not None:
            self._submitted.cancel()

    async def _decode(self, decoder: Decoder, job: DecodeJob) -> None:
        try:
            decoded = await decoder.decode(job)
        except asyncio.CancelledError:
            self._open_requests.abandon(self._context)
            raise
        except Exception as error:  # noqa: BLE001 - every error becomes a response
            self._finish(self._open_requests.reject(self._context, error))
            return
        try:
            self._submitted = self._submit(decoded, self._finish)
        except Exception as error:  # noqa: BLE001 - as above
            self._finish(error)

    def _finish(self, outcome: Any) -> None:
        self._timer.cancel()
        self._reply(outcome)

    def _on_timeout(self) -> None:
        self.cancel()
        self._reply(DeadlineExceeded(f"no response within {self._timeout_s:g} s"))
