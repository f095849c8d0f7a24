"""Decides whether a version is complete, by the time since its last change. Pure.

The time of a change is the ctime: the kernel sets it at every write, rename and change of mode, and no copy preserves it.
"""

from dataclasses import dataclass

MAX_CLOCK_SKEW_S = 1.0
"""A file server's clock may be ahead by this much before it is reported."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """Whether a version is complete, and what it still needs."""

    wait_s: float | None
    """Seconds until it is complete if nothing more is written; 0 if it is complete; None if time alone does not complete it."""
    problem: str | None = None
    """What it waits for other than time."""

    @property
    def settled(self) -> bool:
        """Whether it is complete."""
        return self.wait_s == 0


def completeness_of(*, changed_s: float, now_s: float, settle_s: float, marker: str | None) -> Completeness:
    """Judge a version by its latest ctime and its marker, if any.

    `settle_s` is 0 where writers rename complete versions into place.
    """
    if marker is not None:
        return Completeness(None, f"it contains {marker}")
    age_s = now_s - changed_s
    if settle_s == 0 or age_s >= settle_s:
        return Completeness(0)
    if age_s < -MAX_CLOCK_SKEW_S:
        # Wait `settle_s`, not until the time of the change: clocks get corrected.
        return Completeness(
            settle_s, f"its last change is {-age_s:.0f} s in the future: the clocks of two machines differ"
        )
    return Completeness(min(settle_s - age_s, settle_s))
