"""A version that answers, inside a replica."""

import asyncio
from dataclasses import dataclass

from deployments.replica.predictor import Predictor
from deployments.serving.server import ModelServer
from deployments.serving.version import LoadedVersion
from deployments.spec.model import ModelSpec


@dataclass(slots=True)
class RunningVersion:
    """A loaded version with a model server in front."""

    loaded: LoadedVersion
    server: ModelServer
    predictor: Predictor


def run_version(loaded: LoadedVersion, spec: ModelSpec, loop: asyncio.AbstractEventLoop) -> RunningVersion:
    """Put a model server in front of a loaded version."""
    server = ModelServer(loaded.model, loaded.warmup, limits=spec.limits, batching=spec.batching, loop=loop)
    return RunningVersion(loaded, server, Predictor(loaded.codec, server))
