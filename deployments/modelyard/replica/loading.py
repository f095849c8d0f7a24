"""Loads a version: reads, verifies, loads, warms and tests it. For replicas and for `modelyard validate --deep`."""

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
from modelyard.runtimes.examples import EXAMPLE_FILE
from modelyard.runtimes.operator_code.folder import copies_of
from modelyard.runtimes.registry import runtime


def load_version(spec: ModelSpec, runtime_name: str, root: Path, served: ServedVersion) -> LoadedVersion:
    """Load a version. Raises whatever is wrong with the model, before it receives requests."""
    return start_loading(spec, runtime_name, root, served).result()


def start_loading(spec: ModelSpec, runtime_name: str, root: Path, served: ServedVersion) -> Future[LoadedVersion]:
    """The same in the background, in the version's own thread. That thread goes on if the caller stops waiting."""
    worker = Worker()

    def load() -> LoadedVersion:
        try:
            return _load(spec, runtime_name, root, served, worker)
        except BaseException as error:
            if isinstance(error, Exception) and not isinstance(error, StopIteration):
                raise
            # An event loop or an asyncio future cannot carry these: SystemExit, CancelledError, StopIteration.
            raise RuntimeError(f"{type(error).__name__}: {error}") from error

    loading = worker.call(load)
    loading.add_done_callback(lambda done: worker.stop() if done.exception() else None)
    return loading


def _load(spec: ModelSpec, runtime_name: str, root: Path, served: ServedVersion, worker: Worker) -> LoadedVersion:
    started = time.perf_counter()
    files = read_verified(root, spec.folder, served)
    with copies_of(root / spec.folder / str(served.number)):
        model = runtime(runtime_name).load(files, spec, cpus=spec.resources.cpus)
    codecs = codecs_of(spec.name, served.number, model.signature)
    given = files.get(EXAMPLE_FILE)
    example = given or example_body(model.signature, model.example)
    # The operator's own example must work; a synthesised one serves only to measure the model.
    decoded = codecs.predict.decode(example, b"application/json")
    warmup = warm(model, [decoded.request], batching=spec.batching, synthesised=given is None)
    self_test(model, codecs, decoded, synthesised=given is None)
    if model.loop_safe:  # it runs on the event loop's thread, too
        worker.allow_other_threads()
    return LoadedVersion(served, model, codecs, example, warmup, time.perf_counter() - started, worker)
