"""A version of a model that is loaded and warmed up, before it has a scheduler."""

from dataclasses import dataclass, field

from modelyard.inference.warmup import Warmup
from modelyard.inference.worker import Worker
from modelyard.protocols.codecs import Codecs
from modelyard.repository.resolve import ServedVersion
from modelyard.runtimes.base import LoadedModel


@dataclass(slots=True)
class LoadedVersion:
    """A version that has passed its warm-up, with the codecs of every protocol."""

    served: ServedVersion
    model: LoadedModel
    codecs: Codecs
    example: bytes
    """A valid body for `POST .../predict`."""
    warmup: Warmup
    load_s: float
    """The duration of loading and warm-up."""
    worker: Worker = field(default_factory=Worker)
    """The thread that loaded the model, in which the scheduler calls it."""
