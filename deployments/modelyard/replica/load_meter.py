"""Measures a replica's load for Ray Serve's autoscaling: requests in flight, including those still in socket buffers."""

from collections.abc import Callable


class LoadMeter:
    """The average number of requests in flight since the last reading.

    A model that runs on the event loop never has more than one open request: the others wait in socket buffers. But all waiting
    requests arrive in one iteration of the loop. So the requests of an iteration, weighted by its duration, are the number in
    flight (Little's law over an iteration). An iteration here lasts from its first request until its responses are written, or
    until the next one begins. Requests that wait for a model in the worker are counted by `waiting`.

    The result is an estimate: within a third of the true value in simulation. Two clients that take turns count as one.
    """

    def __init__(
        self,
        call_soon: Callable[[Callable[[], None]], object],
        waiting: Callable[[], int],
        clock: Callable[[], float],
        *,
        may_wait: Callable[[], bool] | None = None,
    ) -> None:
        """`may_wait` returns whether `waiting` may be more than 0. It is called in each iteration of the loop that reads requests,
        so give one where `waiting` counts the requests of many models."""
        self._call_soon = call_soon
        self._waiting = waiting
        self._may_wait: Callable[[], object] = may_wait or waiting
        self._clock = clock
        self._started: float | None = None
        """When the iteration began whose requests are being read."""
        self._requests = 0
        self._running: tuple[float, int] | None = None
        """Start and requests of the iteration whose batch runs."""
        self._request_seconds = 0.0
        self._read_at = clock()

    def arrived(self) -> None:
        """A request has arrived."""
        self._requests += 1
        if self._started is None:
            self._started = self._clock()
            self._call_soon(self._all_read)

    def read(self) -> float:
        """Requests in flight: on average since the last reading, plus those that wait now."""
        now = self._clock()
        elapsed = max(now - self._read_at, 1e-6)
        average = self._request_seconds / elapsed
        self._read_at, self._request_seconds = now, 0.0
        return average + self._waiting()

    def _all_read(self) -> None:
        """The loop has read all sockets. If there are no responses yet, the batch runs directly after this callback."""
        if self._started is None:
            return
        self._running = self._started, self._requests
        self._started, self._requests = None, 0
        if self._may_wait():
            self._call_soon(self._responded)
        else:
            self._responded()

    def _responded(self) -> None:
        if self._running is None:
            return
        started, requests = self._running
        self._running = None
        end = self._clock() if self._started is None else self._started
        self._request_seconds += requests * (end - started)
