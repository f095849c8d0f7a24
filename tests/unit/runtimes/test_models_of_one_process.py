"""What models of one process do not see of each other, with real models that load and run in threads of their own."""

import gc
import importlib
import pickle
import sys
import tempfile
import textwrap
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.linear_model import LinearRegression

from modelyard.config.model_spec import ModelSpec
from modelyard.inference.worker import Worker
from modelyard.runtimes.base import LoadedModel, LoadError
from modelyard.runtimes.operator_code import exclusive_load as module
from modelyard.runtimes.operator_code.exclusive_load import exclusive_load
from modelyard.runtimes.operator_code.main_module import empty_main
from modelyard.runtimes.operator_code.package import PrivatePackage
from modelyard.runtimes.process import PROCESS
from modelyard.runtimes.python import model as python
from modelyard.runtimes.sklearn import model as sklearn
from modelyard.runtimes.sklearn.artefact.versions import other_versions
from modelyard.runtimes.sklearn.reference import warnings_ignored
from tests.unit.runtimes.python_models import source

TRUSTED = {"name": "m", "trusted": True}
SHORT_S = 0.1
PATIENCE_S = 20.0


class Meeting:
    """Where a model that loads waits for another one; models find it as `sys.meeting`."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.both = threading.Event()

    def wait(self) -> bool:
        """The first caller waits, and returns whether a second one came meanwhile."""
        if self.inside.is_set():
            self.both.set()
            return True
        self.inside.set()
        return self.both.wait(SHORT_S)


@pytest.fixture
def meeting() -> Iterator[Meeting]:
    sys.meeting = found = Meeting()  # type: ignore[attr-defined]
    yield found
    del sys.meeting  # type: ignore[attr-defined]


@pytest.fixture
def workers() -> Iterator[tuple[Worker, Worker]]:
    """The threads of two models."""
    both = Worker("first"), Worker("second")
    yield both
    for each in both:
        each.stop()


def python_files(factor: int, load: str) -> dict[str, bytes]:
    """A model with a module `features`, which its pickled data refers to."""
    body = f"""
        def load(self, folder, options, cpus):
            import pickle, sys
            {load}
            self.factor = pickle.loads(b"cfeatures\\nFACTOR\\n.")

        def predict(self, inputs):
            from features import FACTOR
            return {{"y": inputs["x"] * self.factor * FACTOR}}
    """
    return {"model.py": source(body).encode(), "features.py": f"FACTOR = {factor}".encode()}


def load_python(files: dict[str, bytes]) -> LoadedModel:
    return python.load(files, ModelSpec(runtime="python:model:Model", **TRUSTED), cpus=1)


def result(model: LoadedModel) -> float:
    return float(model.predict({"x": np.ones(1)}, ["y"])["y"][0])


def test_modules_of_the_same_name_are_each_models_own_also_when_both_load_at_once(
    meeting: Meeting, workers: tuple[Worker, Worker]
) -> None:
    files = [python_files(factor, "self.met = sys.meeting.wait()") for factor in (3, 5)]
    first = workers[0].call(lambda: load_python(files[0]))
    assert meeting.inside.wait(PATIENCE_S)
    second = workers[1].call(lambda: load_python(files[1]))
    models = [each.result(PATIENCE_S) for each in (first, second)]
    assert [result(model) for model in models] == [9, 25]
    assert "features" not in sys.modules


@pytest.mark.parametrize("change", ["append({})", "insert(0, {})"])
def test_modules_in_folders_that_models_put_on_the_search_path_are_each_models_own(change: str) -> None:
    folders = ["os.path.join(os.path.dirname(__file__), '.', 'src')", "os.path.dirname(__file__)"]
    head = "".join(f"sys.path.{change.format(folder)}\n" for folder in folders)
    body = """
        def predict(self, inputs):
            from late import OFFSET
            return {"y": inputs["x"] * FACTOR + OFFSET}
    """
    text = f"import os, sys\n{head}from helpers import FACTOR\nimport json\n{source(body)}"
    path = list(sys.path)
    models = [
        load_python(
            {
                "model.py": text.encode(),
                "src/helpers.py": f"FACTOR = {factor}".encode(),
                "src/late.py": b"import helpers\nOFFSET = helpers.FACTOR * 10",
                "src/json.py": b"raise ValueError('not this one')",
            }
        )
        for factor in (3, 5)
    ]
    assert [result(model) for model in models] == [33, 55]
    assert not {"helpers", "late"} & sys.modules.keys()
    assert sys.path == path


def test_a_module_with_a_name_of_the_standard_library_is_not_seen_by_other_threads_while_its_model_loads(
    meeting: Meeting, workers: tuple[Worker, Worker]
) -> None:
    body = """
        def load(self, folder, options, cpus):
            {load}

        def predict(self, inputs):
            from statistics import median
            return {{"y": inputs["x"] * median([1, 2, 3])}}
    """
    neighbour = load_python({"model.py": source(body.format(load="pass")).encode()})
    own = source(body.format(load="import sys; sys.meeting.wait()")).encode()
    files = {"model.py": own, "statistics.py": b"def median(values):\n    return 99"}
    loads = workers[0].call(lambda: load_python(files))
    assert meeting.inside.wait(PATIENCE_S)
    assert result(neighbour) == 2
    meeting.both.set()
    assert result(loads.result(PATIENCE_S)) == 99


class Waits:
    """Waits for another load when it is unpickled."""

    def __reduce__(self) -> Any:
        return eval, ("__import__('sys').meeting.wait()",)


def test_pickles_that_load_at_once_leave_the_program_as_it_was(
    meeting: Meeting, workers: tuple[Worker, Worker]
) -> None:
    main, estimator = sys.modules["__main__"], LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    estimator.waits = Waits()
    files = {"model.pkl": pickle.dumps(estimator)}

    def load(worker: Worker) -> "Future[LoadedModel]":
        return worker.call(lambda: sklearn.load(files, ModelSpec(**TRUSTED), cpus=1))

    first = load(workers[0])
    assert meeting.inside.wait(PATIENCE_S)
    second = load(workers[1])
    for each in (first, second):
        each.result(PATIENCE_S)
    assert not meeting.both.is_set() or meeting.inside.is_set()
    assert sys.modules["__main__"] is main


class Imports(str):
    """A module's name. Another thread imports something when it is read."""

    def partition(self, separator: str) -> tuple[str, str, str]:
        sys.modules[f"imported-{len(sys.modules)}"] = ModuleType("imported")
        return super().partition(separator)


def test_a_model_is_loaded_and_released_while_another_thread_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    before = list(sys.meta_path)
    with monkeypatch.context() as changed:
        changed.setitem(sys.modules, Imports("busy"), ModuleType("busy"))
        model = load_python(python_files(3, "pass"))
        assert result(model) == 9
        del model
        gc.collect()
    imported = [name for name in sys.modules if name.startswith("imported-")]
    for name in imported:
        del sys.modules[name]
    assert imported
    assert sys.meta_path == before, "an import that is under way iterates over this list"


class Held:
    """A load that runs in a thread until `leave`."""

    def __init__(self, worker: Worker, names: set[str], timeout_s: float = PATIENCE_S) -> None:
        inside, self.leave = threading.Event(), threading.Event()

        def hold() -> None:
            with exclusive_load(frozenset(names), timeout_s=timeout_s), exclusive_load():
                inside.set()
                self.leave.wait(PATIENCE_S)

        self.done = worker.call(hold)
        assert inside.wait(PATIENCE_S)

    def beside(self, worker: Worker, names: set[str]) -> "Future[bool]":
        """Whether another load with modules of these names runs beside this one."""

        def load() -> bool:
            with exclusive_load(frozenset(names)):
                return not self.leave.is_set()

        return worker.call(load)


def test_one_load_at_a_time_changes_what_belongs_to_the_process(workers: tuple[Worker, Worker]) -> None:
    held = Held(workers[0], set())
    waits = held.beside(workers[1], set())
    held.leave.set()
    assert waits.result(PATIENCE_S) is False
    held.done.result(PATIENCE_S)


def test_a_load_that_hangs_does_not_stop_those_of_other_models(
    workers: tuple[Worker, Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_HOLD_S", SHORT_S)
    held = Held(workers[0], {"features"})
    assert held.beside(workers[1], {"helpers"}).result(PATIENCE_S) is True
    started = time.monotonic()
    monkeypatch.setattr(module, "CHECK_S", PATIENCE_S)
    assert held.beside(workers[1], {"helpers"}).result(PATIENCE_S) is True
    assert time.monotonic() - started < PATIENCE_S / 2, "the next one does not wait again"
    held.leave.set()


def test_a_load_waits_longer_for_one_with_modules_of_the_same_name(
    workers: tuple[Worker, Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_HOLD_S", SHORT_S)
    monkeypatch.setattr(module, "MAX_WAIT_S", 2 * SHORT_S)
    held = Held(workers[0], {"features", "a"})
    with pytest.raises(LoadError, match=r"modules of the same name: features$"):
        held.beside(workers[1], {"features", "b"}).result(PATIENCE_S)
    held.leave.set()
    held.done.result(PATIENCE_S)
    abandoned = Held(workers[0], {"features"}, timeout_s=SHORT_S)
    assert abandoned.beside(workers[1], {"features"}).result(PATIENCE_S) is True, "nothing uses its result"
    abandoned.leave.set()


def test_loads_that_run_beside_each_other_leave_the_program_as_it_was(tmp_path: Path) -> None:
    main = sys.modules["__main__"]
    packages = []
    for factor in (3, 5):
        folder = tmp_path / str(factor)
        folder.mkdir()
        (folder / "features.py").write_text(f"FACTOR = {factor}")
        packages.append(PrivatePackage(folder, ["features.py"]))
    first, second = ExitStack(), ExitStack()
    for block, package in zip((first, second), packages, strict=True):
        block.enter_context(empty_main())
        block.enter_context(package.plain_names())
        if block is first:
            assert importlib.import_module("features").FACTOR == 3
    with pytest.raises(ImportError, match="another model that loads at the same time has a module 'features', too"):
        importlib.import_module("features")
    first.close()
    assert importlib.import_module("features").FACTOR == 5
    assert sys.modules["__main__"] is not main
    second.close()
    assert sys.modules["__main__"] is main
    assert "features" not in sys.modules
    for package in packages:
        package.forget()


def test_a_load_that_takes_long_and_others_beside_it_import_their_own_modules(
    meeting: Meeting, workers: tuple[Worker, Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_HOLD_S", 0.0)

    def files(factor: int, own: str, load: str) -> dict[str, bytes]:
        body = f"""
            def load(self, folder, options, cpus):
                import sys
                {load}
                from {own} import factor
                self.factor = factor

            def predict(self, inputs):
                return {{"y": inputs["x"] * self.factor}}
        """
        text = f"{source(body)}\nFACTOR = {factor}\n"
        return {"model.py": text.encode(), f"{own}.py": b"import model\nfactor = model.FACTOR"}

    slow = files(3, "first", "sys.meeting.inside.set(); sys.meeting.both.wait(20)")
    loads = workers[0].call(lambda: load_python(slow))
    assert meeting.inside.wait(PATIENCE_S)
    assert result(load_python(files(5, "second", "pass"))) == 5
    meeting.both.set()
    assert result(loads.result(PATIENCE_S)) == 3


@pytest.fixture
def in_a_pool() -> Iterator[None]:
    PROCESS.holds_many_models = True
    yield
    PROCESS.holds_many_models = False


@pytest.mark.usefixtures("in_a_pool")
def test_a_call_beside_a_load_neither_hides_nor_raises_warnings() -> None:
    with warnings.catch_warnings():
        for _ in range(2):
            warnings.simplefilter("error")  # as another model may do
            with warnings_ignored():
                warnings.warn_explicit(
                    "unknown category", UserWarning, "f", 1, module="sklearn.preprocessing._encoders"
                )
            with other_versions() as made_by, warnings_ignored():
                warnings.warn_explicit(
                    InconsistentVersionWarning(
                        estimator_name="E", current_sklearn_version="2", original_sklearn_version="1"
                    ),
                    InconsistentVersionWarning,
                    "f",
                    1,
                    module="sklearn.base",
                )
            assert made_by == {"1"}


def test_versions_are_found_for_the_right_model_where_loads_overlap(workers: tuple[Worker, Worker]) -> None:
    before = list(warnings.filters), warnings.showwarning
    blocks = [ExitStack(), ExitStack()]

    def warn(version: str) -> None:
        warnings.warn_explicit(
            InconsistentVersionWarning(
                estimator_name="E", current_sklearn_version="2", original_sklearn_version=version
            ),
            InconsistentVersionWarning,
            "f",
            1,
        )

    def run(which: int, call: Any) -> Any:
        return workers[which].call(call).result(PATIENCE_S)

    found = [
        run(which, lambda block=block: block.enter_context(other_versions())) for which, block in enumerate(blocks)
    ]
    run(0, lambda: warn("1.0"))
    run(0, blocks[0].close)
    run(1, lambda: warn("1.1"))
    run(1, blocks[1].close)
    assert found == [{"1.0"}, {"1.1"}]
    assert (list(warnings.filters), warnings.showwarning) == before


def test_numpys_error_state_is_each_models_own(workers: tuple[Worker, Worker]) -> None:
    strict = source("""
        def load(self, folder, options, cpus):
            np.seterr(all="raise")

        def predict(self, inputs):
            return {"y": 1 / inputs["x"]}
    """)
    lenient = source("""
        def load(self, folder, options, cpus):
            np.seterr(all="ignore")

        def predict(self, inputs):
            return {"y": 1 / inputs["x"]}
    """)
    models = [
        worker.call(lambda text=text: load_python({"model.py": text.encode()})).result(PATIENCE_S)
        for worker, text in zip(workers, (strict, lenient), strict=True)
    ]
    zero = {"x": np.zeros(1)}
    assert workers[1].call(lambda: models[1].predict(zero, ["y"])["y"][0]).result(PATIENCE_S) == np.inf
    with pytest.raises(FloatingPointError):
        workers[0].call(lambda: models[0].predict(zero, ["y"])).result(PATIENCE_S)


def test_models_load_after_one_has_changed_the_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())
    load_python(python_files(3, "import tempfile; tempfile.tempdir = '/nonexistent'"))
    assert result(load_python(python_files(5, "pass"))) == 25


def test_a_model_cannot_replace_a_signal_handler(workers: tuple[Worker, Worker]) -> None:
    text = source("""
        def load(self, folder, options, cpus):
            import signal
            signal.signal(signal.SIGTERM, signal.SIG_IGN)

        def predict(self, inputs):
            return {"y": inputs["x"]}
    """)
    with pytest.raises(
        LoadError, match=r"Model.load\(\) failed at model.py:\d+: ValueError: signal only works in main"
    ):
        workers[0].call(lambda: load_python({"model.py": textwrap.dedent(text).encode()})).result(PATIENCE_S)
