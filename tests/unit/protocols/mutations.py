"""Valid messages with random changes: changed bytes, removed bytes, or repeated bytes."""

import tracemalloc
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from modelyard.errors import ModelyardError

LARGE = [0, 1, 0x7F, 0x80, 0xFF]


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with up to three changes."""
    body = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 3))):
        at, to = sorted((draw(st.integers(0, len(body))), draw(st.integers(0, len(body)))))
        how = draw(st.sampled_from(["byte", "insert", "cut", "twice", "ones"]))
        if how == "byte" and body:
            body[at % len(body)] = draw(st.integers(0, 255) | st.sampled_from(LARGE))
        elif how == "insert":
            body[at:at] = draw(st.binary(max_size=9))
        elif how == "cut":
            del body[at:to]
        elif how == "twice":
            body[to:to] = body[at:to]
        else:
            body[at : at + 4] = b"\xff" * len(body[at : at + 4])  # a length, perhaps
    return bytes(body)


def read_or_rejected(read: Callable[[], object], sent: int, *, factor: int, base: int = 200_000) -> bool:
    """Whether `read` succeeded. It may only raise client errors, and use `base` bytes of memory plus `factor` per byte sent."""
    tracemalloc.start()
    try:
        read()
    except ModelyardError as rejected:
        assert rejected.message
        return False
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < base + factor * sent, f"{peak} bytes of memory for a message of {sent}"
    return True
