"""One call of the model for a batch of requests."""

from collections.abc import Callable, Sequence

import numpy as np

from modelyard.inference.pending_request import PendingRequest
from modelyard.inference.running_requests import RUNNING
from modelyard.runtimes.base import LoadedModel
from modelyard.tensors import InferRequest, Tensors


class RowsError(Exception):
    """The model did not give one row for each that it was given. Its one argument is written for the log."""


class Batch:
    """A batch, then what became of it. Whoever runs it has it alone until it is run; nothing here needs a lock."""

    __slots__ = ("batch", "error", "outputs", "rows", "seconds", "started")

    def __init__(self, batch: list[PendingRequest], started: float) -> None:
        self.batch = batch
        self.rows = batch[0].rows if len(batch) == 1 else sum(ticket.rows for ticket in batch)
        self.started = started
        self.seconds = 0.0
        self.outputs: Sequence[Tensors] = ()
        """For each ticket of the batch; empty if the call failed."""
        self.error: BaseException | None = None

    def run(self, model: LoadedModel, rowwise: bool, clock: Callable[[], float]) -> None:
        """Batch the model, on whichever thread this is. Never raises: what goes wrong is `error`."""
        started = clock()
        RUNNING.begin(self.batch)
        try:
            self.outputs = outputs_of(model, rowwise, [ticket.request for ticket in self.batch], self.rows)
        except BaseException as error:  # noqa: BLE001 - a model that calls sys.exit() must not end the thread or the loop
            self.error = error
        RUNNING.end()
        self.seconds = clock() - started


def outputs_of(model: LoadedModel, rowwise: bool, requests: Sequence[InferRequest], rows: int) -> Sequence[Tensors]:
    """One call's outputs for each of these like requests. Raises RowsError, and whatever the model raises."""
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
    """What requests of one call have in common: input names, datatypes, shapes without the rows, wanted outputs."""
    inputs = request.inputs
    if len(inputs) == 1:  # nearly every model, and three times as quick
        [(name, array)] = inputs.items()
        return request.outputs, name, array.dtype, array.shape[1:]
    return request.outputs, *((name, array.dtype, array.shape[1:]) for name, array in sorted(inputs.items()))


def joined(requests: Sequence[InferRequest]) -> Tensors:
    """The inputs of like requests, one after the other along the rows."""
    return {name: np.concatenate([request.inputs[name] for request in requests]) for name in requests[0].inputs}


def check_rows(outputs: Tensors, wanted: Sequence[str], rows: int) -> None:
    """Raise RowsError unless every wanted output's first axis is this long."""
    for name in wanted:
        shape = outputs[name].shape
        if not shape or shape[0] != rows:
            raise RowsError(f"output {name!r} has shape {shape} for {rows} rows")


def split(outputs: Tensors, wanted: Sequence[str], sizes: Sequence[int]) -> list[Tensors]:
    """Each request's part of the outputs, as views: the first `sizes[0]` rows, then the next `sizes[1]`, and so on."""
    parts: list[Tensors] = [{} for _ in sizes]
    for name in wanted:
        array, start = outputs[name], 0
        for part, size in zip(parts, sizes, strict=True):
            part[name] = array[start : start + size]
            start += size
    return parts
