"""One call of the model for a batch of requests."""

from collections.abc import Callable, Sequence

import numpy as np

from modelyard.inference.pending_request import PendingRequest
from modelyard.inference.running_requests import RUNNING
from modelyard.runtimes.base import LoadedModel
from modelyard.tensors import InferRequest, Tensors


class RowsError(Exception):
    """The model returned another number of rows than it was given. Its one argument is the text for the log."""


class Batch:
    """A batch, and its result once it has run. Only the thread that runs it uses it until then, so nothing needs a lock."""

    __slots__ = ("error", "outputs", "requests", "rows", "seconds", "started")

    def __init__(self, requests: list[PendingRequest], started: float) -> None:
        self.requests = requests
        self.rows = requests[0].rows if len(requests) == 1 else sum(pending.rows for pending in requests)
        self.started = started
        self.seconds = 0.0
        self.outputs: Sequence[Tensors] = ()
        """For each request; empty if the call failed."""
        self.error: BaseException | None = None

    def run(self, model: LoadedModel, rowwise: bool, clock: Callable[[], float], name: str = "") -> None:
        """Call the model, in any thread. `name` is the model's. Never raises: `error` has what went wrong."""
        started = clock()
        RUNNING.begin(self.requests, name)
        try:
            self.outputs = outputs_of(model, rowwise, [pending.request for pending in self.requests], self.rows)
        except BaseException as error:  # noqa: BLE001 - a model that calls sys.exit() must not end the thread or the loop
            self.error = error
        RUNNING.end()
        self.seconds = clock() - started


def outputs_of(model: LoadedModel, rowwise: bool, requests: Sequence[InferRequest], rows: int) -> Sequence[Tensors]:
    """The outputs of one call, for each of these requests with one key. Raises RowsError, and whatever the model raises."""
    first = requests[0]
    if len(requests) == 1:
        outputs = model.predict(first.inputs, first.outputs)
        if rowwise:
            check_rows(outputs, first.outputs, rows)
        return (outputs,)
    outputs = model.predict(joined(requests), first.outputs)
    check_rows(outputs, first.outputs, rows)
    return split(outputs, first.outputs, [request.rows for request in requests])


def batch_key(request: InferRequest) -> object:
    """What requests of one batch have in common: input names, datatypes, shapes without the rows, requested outputs."""
    inputs = request.inputs
    if len(inputs) == 1:  # nearly every model, and three times as fast
        [(name, array)] = inputs.items()
        return request.outputs, name, array.dtype, array.shape[1:]
    return request.outputs, *((name, array.dtype, array.shape[1:]) for name, array in sorted(inputs.items()))


def joined(requests: Sequence[InferRequest]) -> Tensors:
    """The inputs of requests with one key, concatenated along the rows."""
    return {name: np.concatenate([request.inputs[name] for request in requests]) for name in requests[0].inputs}


def check_rows(outputs: Tensors, requested: Sequence[str], rows: int) -> None:
    """Raise RowsError unless the first axis of every requested output has this length."""
    for name in requested:
        shape = outputs[name].shape
        if not shape or shape[0] != rows:
            raise RowsError(f"output {name!r} has shape {shape} for {rows} rows")


def split(outputs: Tensors, requested: Sequence[str], sizes: Sequence[int]) -> list[Tensors]:
    """Each request's part of the outputs, as views: the first `sizes[0]` rows, then the next `sizes[1]`, and so on."""
    parts: list[Tensors] = [{} for _ in sizes]
    for name in requested:
        array, start = outputs[name], 0
        for part, size in zip(parts, sizes, strict=True):
            part[name] = array[start : start + size]
            start += size
    return parts
