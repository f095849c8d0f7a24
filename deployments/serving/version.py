"""One version of a model, from the repository's bytes to a warmed model: in a replica, and in `modelyard validate --deep`."""

import time
from dataclasses import dataclass
from pathlib import Path

from deployments.protocols.example import example_body
from deployments.protocols.predict import PredictCodec
from deployments.repository.reader import read_verified
from deployments.repository.resolve import ServedVersion
from deployments.runtimes.base import LoadedModel
from deployments.runtimes.table import runtime
from deployments.serving.warmup import Warmup, warm
from deployments.spec.model import ModelSpec

EXAMPLE_FILE = "example.json"
"""A request body that works; an operator may put it beside the model."""


@dataclass(slots=True)
class LoadedVersion:
    """A version that has passed its warm-up."""

    served: ServedVersion
    model: LoadedModel
    codec: PredictCodec
    example: bytes
    """A body for `POST .../predict` that works."""
    warmup: Warmup
    load_s: float
    """What all of this took."""


def load_version(spec: ModelSpec, runtime_name: str, root: Path, served: ServedVersion) -> LoadedVersion:
    """Read, verify, load and warm. Whatever is wrong with the model is raised here, before a client could meet it."""
    begun = time.perf_counter()
    files = read_verified(root, spec.folder, served)
    model = runtime(runtime_name).load(files, spec, cpus=spec.resources.cpus)
    codec = PredictCodec(spec.name, served.number, model.signature)
    own = files.get(EXAMPLE_FILE)
    example = own or example_body(model.signature, model.example)
    # The operator's example must work; one made up from the signature only tells how fast the model is.
    request = codec.decode(example, b"application/json").request
    warmup = warm(model, [request], batching=spec.batching, synthesised=own is None)
    return LoadedVersion(served, model, codec, example, warmup, time.perf_counter() - begun)
