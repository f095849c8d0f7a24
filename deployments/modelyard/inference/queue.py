"""The queue of requests that wait for a model, oldest first."""

from collections import deque
from collections.abc import Iterator

from modelyard.inference.batch import batch_key
from modelyard.inference.pending_request import PendingRequest

LOOK_AHEAD = 256
"""How many requests that do not fit a batch are skipped in search of more that do: bounds the cost of gathering a batch."""


class RequestQueue:
    """A request that is removed stays in the deque until it reaches the front, so that removing is cheap anywhere."""

    def __init__(self) -> None:
        self._requests: deque[PendingRequest] = deque()
        self.count = 0
        """Of queued requests."""
        self.rows = 0
        """Of all queued requests."""

    def __iter__(self) -> Iterator[PendingRequest]:
        return (each for each in self._requests if each.is_queued)

    def add(self, pending: PendingRequest) -> None:
        """Append it."""
        pending.is_queued = True
        self._requests.append(pending)
        self.count += 1
        self.rows += pending.rows

    def remove(self, pending: PendingRequest) -> None:
        """Remove it from any place; the caller closes the request."""
        self._leave(pending)
        if len(self._requests) > 2 * self.count + 64:
            # Clients that come and go while a batch hangs must not fill the memory with removed requests.
            self._requests = deque(other for other in self._requests if other.is_queued)

    def clear(self) -> None:
        """Remove all."""
        self._requests.clear()
        self.count = self.rows = 0

    def take_until(self, submitted: float) -> list[PendingRequest]:
        """Remove and return all requests that were submitted at that time or before."""
        removed = []
        while (oldest := self.oldest()) is not None and oldest.submitted <= submitted:
            self._leave(oldest)
            removed.append(oldest)
        return removed

    def oldest(self) -> PendingRequest | None:
        """The request that has waited longest."""
        requests = self._requests
        while requests and not requests[0].is_queued:
            requests.popleft()
        return requests[0] if requests else None

    def take(self, max_rows: int) -> list[PendingRequest]:
        """Remove and return a batch: the oldest request, whatever its size, and those with its key, up to `max_rows` in all.

        Requests with other keys keep their places, so the oldest of them is first the next time. Empty if the queue is.
        """
        first = self.oldest()
        if first is None:
            return []
        requests = self._requests
        requests.popleft()
        self._leave(first)
        batch, rows = [first], first.rows
        skipped: list[PendingRequest] = []
        key = _key(first) if requests else None
        while requests and rows < max_rows and len(skipped) < LOOK_AHEAD:
            pending = requests[0]
            if pending.is_queued:
                if (pending.key or _key(pending)) != key:
                    skipped.append(pending)
                elif rows + pending.rows > max_rows:
                    break
                else:
                    batch.append(pending)
                    rows += pending.rows
                    self._leave(pending)
            requests.popleft()
        requests.extendleft(reversed(skipped))
        return batch

    def _leave(self, pending: PendingRequest) -> None:
        pending.is_queued = False
        self.count -= 1
        self.rows -= pending.rows


def _key(pending: PendingRequest) -> object:
    pending.key = pending.key or batch_key(pending.request)
    return pending.key
