"""Estimates the memory of a model before its first load, from the size of its artefact and from earlier loads."""

from modelyard.residency.measure import MIN_SIZE_BYTES

FIRST_RATIO = 4.0
"""Memory to artefact before any load was measured: a compressed forest has about this ratio."""
WEIGHT = 0.25
"""Of a measurement in the average of its class."""


class SizeEstimates:
    """The average ratio of memory to artefact, by runtime and size class.

    A class holds artefacts within a factor of four: a small artefact costs mostly a fixed overhead, so its ratio is much higher.
    """

    def __init__(self) -> None:
        self._ratios: dict[str, dict[int, float]] = {}

    def estimate_bytes(self, runtime: str, artefact_bytes: int) -> int:
        """The memory of a model of this runtime whose files have this size: by the nearest class that was measured."""
        ratios = self._ratios.get(runtime, {})
        own = _size_class(artefact_bytes)
        ratio = ratios[min(ratios, key=lambda each: abs(each - own))] if ratios else FIRST_RATIO
        return max(MIN_SIZE_BYTES, int(artefact_bytes * ratio))

    def observe(self, runtime: str, artefact_bytes: int, measured_bytes: int) -> None:
        """A load was measured."""
        ratios = self._ratios.setdefault(runtime, {})
        own = _size_class(artefact_bytes)
        ratio = measured_bytes / max(artefact_bytes, 1)
        before = ratios.get(own, ratio)
        ratios[own] = before + WEIGHT * (ratio - before)


def _size_class(size_bytes: int) -> int:
    return size_bytes.bit_length() // 2
