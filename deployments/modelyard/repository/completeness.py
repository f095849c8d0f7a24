"""Whether a version is complete, judged by the age of what is in it. Pure.

Age is told by ctimes: the kernel sets them at every write, rename and change of mode, and no copy brings them along.
"""

from dataclasses import dataclass

MAX_CLOCK_SKEW_S = 1.0
"""A file server's clock may be ahead by this much before it is worth a word."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """How far a version is on its way to being complete."""

    wait_s: float | None
    """Seconds until it is complete if nothing more is written; 0 if it is; None if time alone does not make it so."""
    problem: str | None = None
    """What it waits for besides time."""

    @property
    def settled(self) -> bool:
        """Whether it is complete."""
        return self.wait_s == 0


def completeness_of(*, changed_s: float, now_s: float, settle_s: float, marker: str | None) -> Completeness:
    """Judge a version by its youngest ctime and its marker, if any. A `settle_s` of 0 trusts writers to rename."""
    if marker is not None:
        return Completeness(None, f"{marker} stands in it")
    age_s = now_s - changed_s
    if settle_s == 0 or age_s >= settle_s:
        return Completeness(0)
    if age_s < -MAX_CLOCK_SKEW_S:
        # A full wait and no longer, because clocks are put right.
        return Completeness(
            settle_s, f"its last change is {-age_s:.0f} s in the future: the clocks of two machines differ"
        )
    return Completeness(min(settle_s - age_s, settle_s))
