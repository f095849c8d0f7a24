"""What a runtime is: the adapter between the model server and one framework."""

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
    """Inputs that this model takes, as good as the artefact alone can tell; at least two rows where the model is rowwise."""
    notes: tuple[str, ...]
    """For the operator: each faster way that does not serve this model, and why. Empty where all of them do."""
    loop_safe: bool
    """Whether it may be called on the event loop: it runs no code of the operator's, and how long a call takes depends on the
    sizes of its inputs alone."""

    def predict(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """The named outputs for inputs that fit the signature. Called by one thread at a time: the one that loaded the model, and
        where it is `loop_safe` the event loop's too.

        For a rowwise model every array's first axis is the rows, in the inputs' order. Whatever it raises fails this call alone.

        Gives arrays that no later call changes: they are encoded while the next call runs. So a runtime copies what an operator's
        code gives, and what it takes, if that code may change it in place.
        """


@runtime_checkable
class GeneratingModel(LoadedModel, Protocol):
    """A loaded model that can give its outputs in parts, too."""

    def generate(self, inputs: Tensors, outputs: Sequence[str]) -> Iterator[Tensors]:
        """Partial results, each with the named outputs, for the inputs of one request; of inputs and outputs as for `predict`.

        Steps of several requests alternate, with one another and with `predict`, all on one thread. There the iterator is also
        closed (if it has `close`), perhaps before its end: nobody may want the rest. Whatever it raises ends this request alone.
        """


class Runtime(Protocol):
    """A module under `runtimes/` named in RUNTIMES: it must hold this function."""

    def load(self, files: Files, spec: ModelSpec, *, cpus: float) -> LoadedModel:
        """Build the model from its bytes; nothing is read from the repository again.

        `cpus` is the replica's share of the machine, for thread counts. Raises LoadError, with a message for the operator, when
        the bytes are not a model of this runtime, or the spec does not allow it.
        """


class LoadError(Exception):
    """A model that cannot be loaded; its one argument tells the operator why and what would help."""
