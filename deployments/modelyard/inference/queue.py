"""The line of requests that wait for a model, oldest first."""

from collections import deque
from collections.abc import Iterator

from modelyard.inference.batch import batch_key
from modelyard.inference.pending_request import PendingRequest

LOOK_AHEAD = 256
"""How many unlike requests are passed over in search of more like the oldest: bounds what one batch costs to gather."""


class RequestQueue:
    """Waiting tickets. One that is removed stays in the deque as a husk until it is met: removing is cheap anywhere."""

    def __init__(self) -> None:
        self._tickets: deque[PendingRequest] = deque()
        self.waiting = 0
        """Open tickets in the line."""
        self.rows = 0
        """Their rows."""

    def __iter__(self) -> Iterator[PendingRequest]:
        return (ticket for ticket in self._tickets if ticket.waiting)

    def add(self, ticket: PendingRequest) -> None:
        """Stand at the end."""
        ticket.waiting = True
        self._tickets.append(ticket)
        self.waiting += 1
        self.rows += ticket.rows

    def remove(self, ticket: PendingRequest) -> None:
        """Leave the line from any place; the caller closes the ticket."""
        self._left(ticket)
        if len(self._tickets) > 2 * self.waiting + 64:
            # Clients that come and go while a call hangs must not fill the memory with husks.
            self._tickets = deque(other for other in self._tickets if other.waiting)

    def take_until(self, submitted: float) -> list[PendingRequest]:
        """Out of the line: everyone who was submitted at that time or before."""
        taken = []
        while (oldest := self.oldest()) is not None and oldest.submitted <= submitted:
            self._left(oldest)
            taken.append(oldest)
        return taken

    def oldest(self) -> PendingRequest | None:
        """The ticket that has waited longest."""
        tickets = self._tickets
        while tickets and not tickets[0].waiting:
            tickets.popleft()
        return tickets[0] if tickets else None

    def take(self, most_rows: int) -> list[PendingRequest]:
        """Out of the line: the oldest ticket, whatever its size, and those like it, in order, to `most_rows` in all.

        Unlike tickets keep their places, so the oldest of them is first the next time. Empty when nobody waits.
        """
        first = self.oldest()
        if first is None:
            return []
        tickets = self._tickets
        tickets.popleft()
        self._left(first)
        batch, rows = [first], first.rows
        passed: list[PendingRequest] = []
        key = _key(first) if tickets else None
        while tickets and rows < most_rows and len(passed) < LOOK_AHEAD:
            ticket = tickets[0]
            if ticket.waiting:
                if (ticket.key or _key(ticket)) != key:
                    passed.append(ticket)
                elif rows + ticket.rows > most_rows:
                    break
                else:
                    batch.append(ticket)
                    rows += ticket.rows
                    self._left(ticket)
            tickets.popleft()
        tickets.extendleft(reversed(passed))
        return batch

    def _left(self, ticket: PendingRequest) -> None:
        ticket.waiting = False
        self.waiting -= 1
        self.rows -= ticket.rows


def _key(ticket: PendingRequest) -> object:
    ticket.key = ticket.key or batch_key(ticket.request)
    return ticket.key
