"""How busy this replica is, as Ray Serve's autoscaling needs it: requests in flight, those still in socket buffers included."""

from collections.abc import Callable


class LoadMeter:
    """The average number of requests in flight since it was last read.

    A model that runs inline never has more than one request under way when somebody looks: the others wait in socket buffers
    until the loop comes round. But all that have waited arrive in one turn of the loop, so requests a turn, weighted by how
    long the turns are, is the number in flight (Little's law over a turn). What waits for a model off the loop is counted
    by `waiting`.
    """

    def __init__(
        self, call_soon: Callable[[Callable[[], None]], object], waiting: Callable[[], int], clock: Callable[[], float]
    ) -> None:
        self._call_soon = call_soon
        self._waiting = waiting
        self._clock = clock
        self._turn_started: float | None = None
        self._in_turn = 0
        self._request_seconds = 0.0
        self._read_at = clock()

    def arrived(self) -> None:
        """A request came in."""
        self._in_turn += 1
        if self._turn_started is None:
            self._turn_started = self._clock()
            self._call_soon(self._end_turn)

    def read(self) -> float:
        """Requests in flight, on average since the last call, and waiting now."""
        now = self._clock()
        elapsed = max(now - self._read_at, 1e-6)
        average = self._request_seconds / elapsed
        self._read_at, self._request_seconds = now, 0.0
        return average + self._waiting()

    def _end_turn(self) -> None:
        if self._turn_started is not None:
            self._request_seconds += self._in_turn * (self._clock() - self._turn_started)
        self._turn_started, self._in_turn = None, 0
