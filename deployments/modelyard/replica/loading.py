"""One version of a model, from the repository's bytes to a warmed model: in a replica, and in `modelyard validate --deep`."""

import time
from concurrent.futures import Future
from pathlib import Path

from modelyard.config.model_spec import ModelSpec
from modelyard.inference.warmup import warm
from modelyard.inference.worker import Worker
from modelyard.protocols.codecs import codecs_of
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.protocols.predict.example import example_body
from modelyard.replica.model_self_test import self_test
from modelyard.repository.resolve import ServedVersion
from modelyard.repository.verified_read import read_verified
from modelyard.runtimes.example import EXAMPLE_FILE
from modelyard.runtimes.operator_code.folder import copies_of
from modelyard.runtimes.registry import runtime


def load_version(spec: ModelSpec, runtime_name: str, root: Path, served: ServedVersion) -> LoadedVersion:
    """Read, verify, load and warm. Whatever is wrong with the model is raised here, before a client could meet it."""
    return start_loading(spec, runtime_name, root, served).result()


def start_loading(spec: ModelSpec, runtime_name: str, root: Path, served: ServedVersion) -> Future[LoadedVersion]:
    """The same in the background, in the version's own thread. Whoever gives up waiting leaves that thread behind."""
    worker = Worker()

    def load() -> LoadedVersion:
        try:
            return _load(spec, runtime_name, root, served, worker)
        except (
            SystemExit,
            StopIteration,
        ) as error:  # a future of asyncio cannot carry the second, nor a loop the first
            raise RuntimeError(f"{type(error).__name__}: {error}") from error

    loading = worker.call(load)
    loading.add_done_callback(lambda done: worker.stop() if done.exception() else None)
    return loading


def _load(spec: ModelSpec, runtime_name: str, root: Path, served: ServedVersion, worker: Worker) -> LoadedVersion:
    begun = time.perf_counter()
    files = read_verified(root, spec.folder, served)
    with copies_of(root / spec.folder / str(served.number)):
        model = runtime(runtime_name).load(files, spec, cpus=spec.resources.cpus)
    codecs = codecs_of(spec.name, served.number, model.signature)
    own = files.get(EXAMPLE_FILE)
    example = own or example_body(model.signature, model.example)
    # The operator's example must work; one made up from the signature only tells how fast the model is.
    call = codecs.predict.decode(example, b"application/json")
    warmup = warm(model, [call.request], batching=spec.batching, synthesised=own is None)
    self_test(model, codecs, call, synthesised=own is None)
    return LoadedVersion(served, model, codecs, example, warmup, time.perf_counter() - begun, worker)
