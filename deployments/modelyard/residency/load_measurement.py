"""Measures what a load allocates, and notices when something else disturbs the measurement."""

from collections.abc import Callable

from modelyard.residency.measure import model_bytes


class Measurement:
    """Of one load, from its begin to `end`."""

    def __init__(self, owner: "LoadMeasurements", before: int, *, shared: bool) -> None:
        self._owner = owner
        self._before = before
        self.shared = shared
        """Whether another load ran meanwhile: the size is too large."""
        self.released = False
        """Whether a model was released meanwhile: the size may be too small."""

    def end(self) -> int:
        """The bytes that were allocated since, as the size of a model. Call it once, or `cancel`."""
        self.cancel()
        return model_bytes(self._before, self._owner.allocated())

    def cancel(self) -> None:
        """The load has failed."""
        self._owner.running.discard(self)


class LoadMeasurements:
    """The measurements of one process."""

    def __init__(self, allocated: Callable[[], int]) -> None:
        self.allocated = allocated
        self.running: set[Measurement] = set()

    def begin(self) -> Measurement:
        """A load begins."""
        for each in self.running:
            each.shared = True
        one = Measurement(self, self.allocated(), shared=bool(self.running))
        self.running.add(one)
        return one

    def released(self) -> None:
        """A model is released."""
        for each in self.running:
            each.released = True
