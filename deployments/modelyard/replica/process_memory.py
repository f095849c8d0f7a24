"""Python's garbage collector in a replica."""

import gc

YOUNG, MIDDLE, OLD = 10_000, 10, 10
"""CPython's own is 700: a batch of 64 requests fills that, and each tenth batch would walk through the middle generation."""


def tune_gc() -> None:
    """Never again look through what is there now: Ray, the framework and the model stay until the process ends.

    Call it when the model is loaded. Otherwise full collections walk through all of it, in the middle of somebody's batch:
    a third of the CPU time of a small model's request, measured with onnxruntime and 64 connections.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
