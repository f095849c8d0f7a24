"""Loads a version: reads, verifies, loads, warms and tests it. For replicas and for `modelyard validate --deep`."""

import hashlib
import time
from collections.abc import Hashable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from modelyard.config.model_spec import ModelSpec
from modelyard.inference.batch_parity import run
from modelyard.inference.running_requests import loading as running_load
from modelyard.inference.warmup import Warmup, warm
from modelyard.inference.worker import Worker
from modelyard.protocols.codecs import Codecs, codecs_of
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.protocols.predict.example import example_body
from modelyard.replica.model_self_test import self_test
from modelyard.repository.resolve import ServedVersion
from modelyard.repository.verified_read import read_verified
from modelyard.runtimes.base import LoadedModel
from modelyard.runtimes.examples import EXAMPLE_FILE
from modelyard.runtimes.load_results import RESULTS
from modelyard.runtimes.operator_code.folder import copies_of
from modelyard.runtimes.process import PROCESS
from modelyard.runtimes.registry import runtime

WARMUP = "warm-up"
"""The name of its result in RESULTS."""


def load_version(spec: ModelSpec, runtime_name: str, root: Path, served: ServedVersion) -> LoadedVersion:
    """Load a version. Raises whatever is wrong with the model, before it receives requests."""
    return start_loading(spec, runtime_name, root, served).result()


def start_loading(spec: ModelSpec, runtime_name: str, root: Path, served: ServedVersion) -> Future[LoadedVersion]:
    """The same in the background, in the version's own thread. That thread goes on if the caller stops waiting."""
    worker = Worker()

    def load() -> LoadedVersion:
        try:
            with running_load(spec.name):
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
    with RESULTS.of(_results_key(spec, runtime_name, served)):
        with copies_of(root / spec.folder / str(served.number)):
            model = runtime(runtime_name).load(files, spec, cpus=spec.resources.cpus)
        codecs = codecs_of(spec.name, served.number, model.signature)
        given = files.get(EXAMPLE_FILE)
        example = given or example_body(model.signature, model.example)
        warmup = _warm(model, codecs, example, spec, synthesised=given is None)
    if model.loop_safe:  # it runs on the event loop's thread, too
        worker.allow_other_threads()
    return LoadedVersion(served, model, codecs, example, warmup, time.perf_counter() - started, worker)


def _warm(model: LoadedModel, codecs: Codecs, example: bytes, spec: ModelSpec, *, synthesised: bool) -> Warmup:
    # The operator's own example must work; a synthesised one serves only to measure the model.
    decoded = codecs.predict.decode(example, b"application/json")

    def warm_and_test() -> Warmup:
        warmup = warm(model, [decoded.request], batching=spec.batching, synthesised=synthesised)
        self_test(model, codecs, decoded, synthesised=synthesised)
        return warmup

    if RESULTS.get(WARMUP) is not None:
        with suppress(Exception):  # it has worked before; this is for what a first call initialises
            run(model, decoded.request)
    # The results of operator code may depend on more than its files.
    return RESULTS.once(WARMUP, warm_and_test, keep=lambda _: model.loop_safe)


def _results_key(spec: ModelSpec, runtime_name: str, served: ServedVersion) -> Hashable:
    if not PROCESS.holds_many_models:
        return None  # nothing is loaded twice
    settings = hashlib.blake2b(spec.model_dump_json().encode(), digest_size=16).digest()
    return settings, runtime_name, served.digest
