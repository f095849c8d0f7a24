"""What is told about each request that a model server is done with."""

from typing import Protocol


class Recorder(Protocol):
    """Called once for each request that was submitted, on the event loop; it must be quick and must not raise."""

    def __call__(self, outcome: str, rows: int, queue_s: float, compute_s: float, batch_rows: int) -> None:
        """How it ended.

        `outcome` is "OK", "Cancelled" or the name of the error's class. `compute_s` and `batch_rows` are the duration
        and rows of the model's call that decided it, and `queue_s` is from submit to the start of that call. Where no
        call did (refused, cancelled, too late) they are 0, and `queue_s` is from submit to the end.
        """


def record_nothing(outcome: str, rows: int, queue_s: float, compute_s: float, batch_rows: int) -> None:
    """The recorder of a server that nobody watches."""
