"""All calls of a model that runs operator code come from one thread, from its import to the end of its last generation."""

import asyncio
import os
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.config.model_spec import Batching, Limits
from modelyard.errors import ModelyardError
from modelyard.inference.pending_request import InferResponse
from modelyard.inference.recorder import UNRECORDED
from modelyard.inference.scheduler import Scheduler
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.tensors import InferRequest
from tests.fakes import PATIENCE_S, unrecorded
from tests.unit.replica.loaded_version import loading
from tests.unit.runtimes.python_models import source

ONE = InferRequest({"x": np.array([3.0])}, 1, ("y",))


def load(root: Path, text: str, **files: bytes) -> LoadedVersion:
    contents = {"model.py": text.encode(), **{name.replace("_json", ".json"): data for name, data in files.items()}}
    return loading(root, contents).result(PATIENCE_S)


async def answers(version: LoadedVersion, requests: int = 1) -> list[Any]:
    """The outputs of the version, for sequential requests on this loop."""
    loop = asyncio.get_running_loop()
    scheduler = Scheduler(
        version.model, version.warmup, limits=Limits(), batching=Batching(), loop=loop, worker=version.worker
    )
    got = []
    for _ in range(requests):
        came: asyncio.Future[InferResponse | ModelyardError] = loop.create_future()
        scheduler.submit(ONE, unrecorded(), came.set_result)
        result = await asyncio.wait_for(came, PATIENCE_S)
        got.append(result.outputs["y"].tolist() if isinstance(result, InferResponse) else result)
    if scheduler.generations is not None:
        await generated(scheduler)
    scheduler.close()
    return got


async def generated(scheduler: Scheduler) -> None:
    """One part of a generation, which is then cancelled."""
    assert scheduler.generations is not None
    part = asyncio.get_running_loop().create_future()
    context = scheduler.open_requests.context(UNRECORDED)
    generation = scheduler.generations.begin(ONE, part.set_result, lambda result: None, context)
    generation.go_on()
    await asyncio.wait_for(part, PATIENCE_S)
    generation.cancel()


NOTED = """
import threading
import numpy as np
THREADS = {}

def note(what):
    THREADS.setdefault(what, set()).add(threading.get_ident())

note("import")

class Model:
    signature = {
        "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1]}],
        "outputs": [{"name": "y", "datatype": "FP64", "shape": [-1]}],
    }

    def __init__(self):
        note("constructor")

    @property
    def example(self):
        note("example")
        return {"x": [1, 2]}

    def load(self, directory, options, cpus):
        note("load")
        self.threads = THREADS

    def predict(self, inputs):
        note("predict")
        return {"y": inputs["x"]}

    def generate(self, inputs):
        note("generate")
        try:
            while True:
                yield {"y": inputs["x"]}
        finally:
            note("close")
"""


def test_every_call_comes_from_the_versions_own_thread(tmp_path: Path) -> None:
    version = load(tmp_path, NOTED)
    assert asyncio.run(answers(version, 50)) == [[3.0]] * 50
    threads = version.model._predict.__self__.threads  # type: ignore[attr-defined]
    version.worker.stop()
    assert threads.keys() == {"import", "constructor", "example", "load", "predict", "generate", "close"}
    assert len(set.union(*threads.values())) == 1


def test_each_version_has_a_thread_of_its_own(tmp_path: Path) -> None:
    both = [load(tmp_path / name, NOTED) for name in "ab"]
    threads = [version.model._predict.__self__.threads["load"] for version in both]  # type: ignore[attr-defined]
    for version in both:
        version.worker.stop()
    assert not threads[0] & threads[1]


@pytest.mark.parametrize(
    "example", [{}, {"example_json": b'{"instances": [1, 2]}'}], ids=["made up", "of the operator"]
)
@pytest.mark.parametrize(
    ("made", "used"),
    [
        ("import sqlite3; self.kept = sqlite3.connect(':memory:')", "self.kept.execute('select 2').fetchone()[0]"),
        ("import threading; self.kept = threading.local(); self.kept.two = 2", "self.kept.two"),
    ],
    ids=["a SQLite connection", "a thread-local"],
)
def test_thread_bound_objects_of_load_work_in_predict(
    made: str, used: str, example: dict[str, bytes], tmp_path: Path
) -> None:
    text = source(f"""
        def load(self, directory, options, cpus):
            {made}

        def predict(self, inputs):
            return {{"y": inputs["x"] * {used}}}
    """)
    version = load(tmp_path, text, **example)
    assert version.warmup.batchable, version.warmup.reason
    assert asyncio.run(answers(version, 3)) == [[6.0]] * 3


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        ("ValueError('no luck')", "LoadError: Model.load.. failed at model.py:12: ValueError: no luck"),
        ("SystemExit(3)", "LoadError: Model.load.. failed at model.py:12: SystemExit: 3"),
    ],
)
def test_a_failed_load_ends_its_thread_and_raises_the_error(raised: str, message: str, tmp_path: Path) -> None:
    text = source(f"""
        def load(self, directory, options, cpus):
            raise {raised}

        def predict(self, inputs):
            return {{"y": inputs["x"]}}
    """)
    error = loading(tmp_path, {"model.py": text.encode()}).exception(PATIENCE_S)
    assert f"{type(error).__name__}: {error}" == message.replace("load..", "load()")


def test_the_caller_can_stop_waiting_for_a_load_that_hangs(tmp_path: Path) -> None:
    text = source("""
        def load(self, directory, options, cpus):
            import os
            os.read(options["until"], 1)

        def predict(self, inputs):
            return {"y": inputs["x"]}
    """)
    reads, writes = os.pipe()
    hung = loading(tmp_path, {"model.py": text.encode()}, options={"until": reads})

    async def wait() -> None:
        await asyncio.wait_for(asyncio.wrap_future(hung), 0.01)

    with pytest.raises(TimeoutError):
        asyncio.run(wait())
    os.write(writes, b".")
    hung.result(PATIENCE_S).worker.stop()
    os.close(reads)
    os.close(writes)


@pytest.mark.parametrize("raised", ["SystemExit(3)", "StopIteration()"])
def test_exceptions_that_a_loop_cannot_carry_become_runtime_errors(raised: str, tmp_path: Path) -> None:
    text = source(f"""
        def predict(self, inputs):
            raise {raised}
    """)
    waiting: Future[LoadedVersion] = loading(
        tmp_path, {"model.py": text.encode(), "example.json": b'{"instances": [1, 2]}'}
    )

    async def wait() -> None:
        await asyncio.wait_for(asyncio.wrap_future(waiting), PATIENCE_S)

    with pytest.raises(Exception, match=raised.partition("(")[0]):
        asyncio.run(wait())
