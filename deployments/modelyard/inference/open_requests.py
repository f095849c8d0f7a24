"""Tracks open requests: each completes exactly once, by its callback and then its recorder."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from modelyard.errors import ModelyardError
from modelyard.inference.batch import Batch
from modelyard.inference.pending_request import InferResponse, PendingRequest
from modelyard.inference.recorder import Recorder, RequestContext

ErrorT = TypeVar("ErrorT", bound=Exception)

log = logging.getLogger(__name__)


class OpenRequests:
    """Counts open requests and closes them. The only caller of the recorders of requests."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.count = 0
        """Accepted requests that are not closed; the caller that accepts one adds it."""
        self.closed = 0
        """Accepted requests that are closed."""
        self._clock = clock
        self._empty: asyncio.Event | None = None  # created by the first that waits for it

    def context(
        self,
        recorder: Recorder,
        request_id: str = "",
        body_bytes: int = 0,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> RequestContext:
        """Of a request that has just been received as a whole."""
        return RequestContext(recorder, self._clock(), request_id, body_bytes, 0, headers)

    def close(
        self, pending: PendingRequest, result: InferResponse | ModelyardError | None, batch: Batch | None = None
    ) -> None:
        """Encode and write the result, then record the outcome. A second call for the same request does nothing.

        `result` is None where the client has disconnected. `batch` is the batch that decided the result, if one did.
        """
        complete = pending.complete
        if complete is None:
            return
        pending.complete = None
        self.count -= 1
        self.closed += 1
        if self._empty is not None and not self.count:
            self._empty.set()
        not_written: Exception | None = None
        if result is not None:
            try:
                not_written = complete(result)
            except Exception as error:  # one client's callback must not cost the others in its batch their responses
                log.exception("a client's callback failed")
                not_written = error
        # Only now: how long a request took, and how it ended, is known when its response is written.
        self._record(pending, not_written or result, batch)

    def reject(self, context: RequestContext, error: ErrorT) -> ErrorT:
        """Record a request that was not accepted. Returns the error, to be raised."""
        context.recorder.request_rejected(context, type(error).__name__, self._clock() - context.received)
        return error

    def abandon(self, context: RequestContext) -> None:
        """Record a request whose client disconnected, or whose time was over, before it could be accepted."""
        context.recorder.request_rejected(context, "Cancelled", self._clock() - context.received)

    async def emptied(self) -> None:
        """Return when no request is open."""
        if self.count:
            self._empty = self._empty or asyncio.Event()
            self._empty.clear()
            await self._empty.wait()

    def _record(self, pending: PendingRequest, outcome: InferResponse | Exception | None, batch: Batch | None) -> None:
        context, now = pending.context, self._clock()
        error_name = "Cancelled" if outcome is None else type(outcome).__name__
        name = "OK" if isinstance(outcome, InferResponse) else error_name
        queue_s = (now if batch is None else batch.started) - pending.submitted
        context.recorder.request_ended(context, name, now - context.received, queue_s, batch)
