"""How busy this replica is, as Ray Serve's autoscaling needs it: requests in flight, those still in socket buffers included."""

from collections.abc import Callable


class LoadMeter:
    """The average number of requests in flight since it was last read.

    A model that runs inline never has more than one request under way when somebody looks: the others wait in socket buffers
    until the loop comes round. But all that have waited arrive in one round of the loop, so requests a round, weighted by how
    long the rounds are, is the number in flight (Little's law over a round). A round lasts from its first request until its
    answers are out, or until the next one begins. What waits for a model off the loop is counted by `waiting`.

    It is an estimate: within a third of the truth in simulation, but of two clients that take turns it sees one.
    """

    def __init__(
        self, call_soon: Callable[[Callable[[], None]], object], waiting: Callable[[], int], clock: Callable[[], float]
    ) -> None:
        self._call_soon = call_soon
        self._waiting = waiting
        self._clock = clock
        self._started: float | None = None
        """When the round began whose requests are being read."""
        self._requests = 0
        self._called: tuple[float, int] | None = None
        """Start and requests of the round before, for which the model is being called."""
        self._request_seconds = 0.0
        self._read_at = clock()

    def arrived(self) -> None:
        """A request came in."""
        self._requests += 1
        if self._started is None:
            self._started = self._clock()
            self._call_soon(self._all_read)

    def read(self) -> float:
        """Requests in flight, on average since the last call, and waiting now."""
        now = self._clock()
        elapsed = max(now - self._read_at, 1e-6)
        average = self._request_seconds / elapsed
        self._read_at, self._request_seconds = now, 0.0
        return average + self._waiting()

    def _all_read(self) -> None:
        """The loop has been to every socket. The model's call, if the answers are not out yet, comes right behind this."""
        if self._started is None:
            return
        self._called = self._started, self._requests
        self._started, self._requests = None, 0
        if self._waiting():
            self._call_soon(self._answered)
        else:
            self._answered()

    def _answered(self) -> None:
        if self._called is None:
            return
        started, requests = self._called
        self._called = None
        end = self._clock() if self._started is None else self._started
        self._request_seconds += requests * (end - started)
