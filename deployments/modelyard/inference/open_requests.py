"""The account of requests: every one is closed once, told to its client, and reported."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from modelyard.errors import ModelyardError
from modelyard.inference.batch import Batch
from modelyard.inference.pending_request import InferResponse, PendingRequest
from modelyard.inference.recorder import Recorder, RequestContext

AnError = TypeVar("AnError", bound=Exception)

log = logging.getLogger(__name__)


class OpenRequests:
    """Counts open requests and closes them. The only caller of the recorders."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.open = 0
        """Requests taken on and not closed yet; whoever takes one on adds it."""
        self._clock = clock
        self._empty: asyncio.Event | None = None  # made by the first who waits for it

    def close(
        self, ticket: PendingRequest, result: InferResponse | ModelyardError | None, call: Batch | None = None
    ) -> None:
        """Give the client its result, or nothing (None) if it went away. Does nothing if the ticket is closed already.

        `call` is the call that decided the result, if one did.
        """
        done = ticket.done
        if done is None:
            return
        ticket.done = None
        self.open -= 1
        if self._empty is not None and not self.open:
            self._empty.set()
        unwritten: Exception | None = None
        if result is not None:
            try:
                unwritten = done(result)
            except Exception as error:  # one client's callback must not cost the others in its batch their answers
                log.exception("a client's callback failed")
                unwritten = error
        # Only now: how long a request took, and how it ended, is known when its answer is written.
        self._report(ticket, unwritten or result, call)

    def context(
        self,
        recorder: Recorder,
        request_id: str = "",
        body_bytes: int = 0,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> RequestContext:
        """Of a request that has just come in as a whole."""
        return RequestContext(recorder, self._clock(), request_id, body_bytes, 0, headers)

    def refuse(self, context: RequestContext, error: AnError) -> AnError:
        """Note that a request was not taken on; gives the error back, to be raised."""
        context.recorder.refused(context, type(error).__name__, self._clock() - context.received)
        return error

    def left(self, context: RequestContext) -> None:
        """Note that a client has gone, or its time has passed, before its request could be taken on."""
        context.recorder.refused(context, "Cancelled", self._clock() - context.received)

    async def emptied(self) -> None:
        """Return when no request is open."""
        if self.open:
            self._empty = self._empty or asyncio.Event()
            await self._empty.wait()

    def _report(self, ticket: PendingRequest, result: InferResponse | Exception | None, call: Batch | None) -> None:
        context, now = ticket.context, self._clock()
        outcome = (
            "OK" if isinstance(result, InferResponse) else "Cancelled" if result is None else type(result).__name__
        )
        queue_s = (now if call is None else call.started) - ticket.submitted
        context.recorder.ended(context, outcome, now - context.received, queue_s, call)
