"""The interface of a runtime: the adapter between the model server and one framework."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from modelyard.config.model_spec import ModelSpec
from modelyard.tensors import Signature, Tensors

Files = Mapping[str, bytes]
"""A version's verified files by their path inside the version directory ("model.onnx", "weights/0.bin")."""


class LoadedModel(Protocol):
    """One loaded version of a model."""

    signature: Signature
    example: Tensors
    """Inputs that this model accepts, as far as the artefact shows; two or more rows if it is rowwise."""
    notes: tuple[str, ...]
    """For the operator: each optimisation that does not apply, and why. Empty if all apply."""
    loop_safe: bool
    """Whether it may be called on the event loop: it runs no operator code, and the time of a call depends only on the sizes
    of its inputs."""

    def predict(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """The named outputs for inputs that match the signature. One thread calls it at a time: the thread that loaded the model,
        or the event loop's if it is `loop_safe`.

        For a rowwise model the first axis of every array is the rows, in the inputs' order. An exception fails this call only.

        No later call may change the returned arrays: they are encoded while the next call runs. So a runtime copies the inputs and
        outputs of an operator's code, which may change them in place.
        """


@runtime_checkable
class GeneratingModel(LoadedModel, Protocol):
    """A loaded model that can also return its outputs in parts."""

    def generate(self, inputs: Tensors, outputs: Sequence[str]) -> Iterator[Tensors]:
        """Partial results for the inputs of one request, each with the named outputs. Inputs and outputs are as for `predict`.

        Steps of several requests alternate with each other and with `predict`, all on one thread. That thread also closes the
        iterator (if it has `close`), before its end if the client disconnects. An exception ends this request only.
        """


class Runtime(Protocol):
    """A module under `runtimes/` that RUNTIMES names. It must have this function."""

    def load(self, files: Files, spec: ModelSpec, *, cpus: float) -> LoadedModel:
        """Build the model from its files; it does not read the repository again.

        `cpus` is the replica's share of the machine, for thread counts. Raises LoadError, with a message for the operator, if
        the files are not a model of this runtime or the spec does not allow the model.
        """


class LoadError(Exception):
    """A model cannot be loaded. Its one argument is the reason and the remedy, for the operator."""
