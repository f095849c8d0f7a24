"""One version of a model that has passed its warm-up, with the codecs of every protocol."""

from dataclasses import dataclass, field

from modelyard.inference.warmup import Warmup
from modelyard.inference.worker import Worker
from modelyard.protocols.codecs import Codecs
from modelyard.repository.resolve import ServedVersion
from modelyard.runtimes.base import LoadedModel


@dataclass(slots=True)
class LoadedVersion:
    """A version that has passed its warm-up."""

    served: ServedVersion
    model: LoadedModel
    codecs: Codecs
    example: bytes
    """A body for `POST .../predict` that works."""
    warmup: Warmup
    load_s: float
    """How long loading and warm-up took."""
    worker: Worker = field(default_factory=Worker)
    """The thread that loaded the model, in which its scheduler calls it."""
