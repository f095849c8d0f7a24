"""The account of requests that were taken on: every one is closed once, told to its client, and reported."""

import asyncio
import logging
from collections.abc import Callable

from deployments.errors import ModelyardError
from deployments.serving.call import Call
from deployments.serving.recorder import Recorder
from deployments.serving.ticket import Answer, Ticket

log = logging.getLogger(__name__)


class Ledger:
    """Counts open requests and closes them. The only caller of the recorder."""

    def __init__(self, clock: Callable[[], float], record: Recorder) -> None:
        self.open = 0
        """Requests taken on and not closed yet; whoever takes one on adds it."""
        self._clock = clock
        self._record = record
        self._empty: asyncio.Event | None = None  # made by the first who waits for it

    def close(self, ticket: Ticket, result: Answer | ModelyardError | None, call: Call | None = None) -> None:
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
        self._report(result, ticket.rows, ticket.submitted, call)
        if result is not None:
            try:
                done(result)
            except Exception:  # one client's callback must not cost the others in its batch their answers
                log.exception("a client's callback failed")

    def refuse(self, rows: int, error: ModelyardError) -> ModelyardError:
        """Note that a request of so many rows was not taken on; gives the error back, to be raised."""
        self._report(error, rows, self._clock(), None)
        return error

    async def emptied(self) -> None:
        """Return when no request is open."""
        if self.open:
            self._empty = self._empty or asyncio.Event()
            await self._empty.wait()

    def _report(self, result: Answer | ModelyardError | None, rows: int, submitted: float, call: Call | None) -> None:
        if isinstance(result, Answer):
            self._record("OK", rows, result.queue_s, result.compute_s, result.batch_rows)
            return
        outcome = "Cancelled" if result is None else type(result).__name__
        if call is None:
            self._record(outcome, rows, self._clock() - submitted, 0.0, 0)
        else:
            self._record(outcome, rows, call.started - submitted, call.seconds, call.rows)
