"""The scikit-learn runtime: any fitted estimator or pipeline, from skops, joblib or pickle files.

The fitted object is the reference. Its own methods serve requests, with rows in the form that it was fitted with. A fast path
serves instead only if a parity check finds the same outputs, on rows that are chosen to show a difference.
"""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import InvalidRequest
from modelyard.runtimes.base import Files, LoadedModel
from modelyard.runtimes.load_results import RESULTS
from modelyard.runtimes.operator_code.adjacent_modules import AdjacentModules
from modelyard.runtimes.sklearn import parts
from modelyard.runtimes.sklearn.artefact.read import read_estimator
from modelyard.runtimes.sklearn.compiled.compilation import Compilation
from modelyard.runtimes.sklearn.fast_path.build import build_fast_path
from modelyard.runtimes.sklearn.fast_path.parity import NOT_COMPARED, difference
from modelyard.runtimes.sklearn.inspection import Inspection, inspect_estimator, remember
from modelyard.runtimes.sklearn.outputs import Outputs, outputs_of
from modelyard.runtimes.sklearn.reference import Reference, warnings_ignored
from modelyard.runtimes.sklearn.request_errors import request_error
from modelyard.runtimes.sklearn.table.table import fitted_columns, inputs_of
from modelyard.tensors import Signature, Tensors

Predict = Callable[[Tensors, Sequence[str]], Tensors]


@dataclass(frozen=True, slots=True)
class Serving:
    """The function that serves requests."""

    predict: Predict
    notes: tuple[str, ...] = ()
    """Why it is not a faster one, for the operator."""
    compiled: tuple[str, ...] = ()
    """The classes of the estimators that are compiled."""
    is_settled: bool = False
    """Whether each check was completed, so that the next load of the same files serves in the same way without repeating them."""


NO_SYNTHETIC_ROW = (
    "it accepts none of the synthetic rows, so a fast path cannot be checked. Put a request that works "
    "into example.json"
)
MAY_MIX = "{} may mix the rows of a call and is not library code: if rows are independent, set batching: {{independent_rows: true}}"

PARITY, COMPILED_PARITY = "sklearn parity", "sklearn parity, compiled"
"""The names of the parity check's results in RESULTS."""

OUTPUTS = "sklearn outputs"
"""The name of an estimator's outputs in RESULTS."""
MAX_CLASSES = 1000
"""Outputs with more classes are not kept in RESULTS: they would occupy memory while the model does not."""

_limits = threading.local()


def load(files: Files, spec: ModelSpec, *, cpus: float) -> LoadedModel:
    """The model in a version's files. Raises LoadError."""
    artefact = read_estimator(files, spec)
    threads = math.ceil(cpus)
    limit_threads(threads)
    parts.limit_jobs_and_output(artefact.estimator)
    with warnings_ignored():
        inspection = inspect_estimator(artefact.estimator, files, spec)
        outputs = RESULTS.once(
            OUTPUTS,
            lambda: outputs_of(inspection.fitted.estimator, inspection.rows, spec.labels),
            keep=lambda found: not inspection.fitted.has_other_code and len(found.classes) <= MAX_CLASSES,
        )
        serving = _choose_predict(inspection, outputs, compiled=spec.compiled == "auto")
    if serving.is_settled:
        remember(inspection)
    mixes = "" if spec.batching.independent_rows else parts.row_mixing_code(artefact.estimator)
    return SklearnModel(
        inspection,
        outputs,
        serving,
        notes=(*artefact.notes, *serving.notes),
        mixes_rows=MAY_MIX.format(mixes) if mixes else "",
        threads=threads,
        code=artefact.code,
    )


def _choose_predict(inspection: Inspection, outputs: Outputs, *, compiled: bool) -> Serving:
    """The function that serves requests: the fastest one that passes the parity check."""
    fitted = inspection.fitted
    reference = Reference(fitted.estimator, fitted.read(inspection.table), outputs, fitted.has_other_code)

    def own_methods(reason: str) -> Serving:
        return Serving(reference.predict, (f"served by its own methods: {reason}",))

    if not inspection.works:
        return own_methods(NO_SYNTHETIC_ROW)
    compilation = Compilation(wanted=compiled)
    try:
        fast = build_fast_path(fitted.estimator, inspection.table, outputs, inspection.example, compilation)
    except Exception as error:  # noqa: BLE001 - the model itself accepts this example
        return own_methods(f"the fast path fails ({type(error).__name__}: {error})")
    if fast is None:
        return own_methods("it contains code that is not scikit-learn's")
    names = outputs.names

    def compare() -> str:
        return difference(
            lambda x: reference.predict(x, names), lambda x: fast.predict(x, names), inspection.parity_sets
        )

    differs = RESULTS.once(
        COMPILED_PARITY if compilation.parts else PARITY, compare, keep=lambda found: found != NOT_COMPARED
    )
    is_settled = differs != NOT_COMPARED and not compilation.is_late
    if not differs:
        return Serving(fast.predict, tuple(compilation.notes), tuple(compilation.parts), is_settled)
    if compilation.parts:
        serving = _choose_predict(inspection, outputs, compiled=False)
        note = f"not compiled ({', '.join(compilation.parts)}): the model fails the parity check: {differs}"
        return replace(serving, notes=(note, *serving.notes), is_settled=is_settled and serving.is_settled)
    return replace(own_methods(f"the fast path fails the parity check: {differs}"), is_settled=is_settled)


def limit_threads(threads: int) -> None:
    """Limit BLAS and OpenMP to this many threads. OpenMP's limit applies to the calling thread only, so each thread must set it."""
    if getattr(_limits, "threads", None) != threads:
        threadpool_limits(threads)
        _limits.threads = threads


class SklearnModel:
    """A loaded estimator; see LoadedModel."""

    def __init__(
        self,
        inspection: Inspection,
        outputs: Outputs,
        serving: Serving,
        *,
        notes: tuple[str, ...],
        mixes_rows: str,
        threads: int,
        code: AdjacentModules | None,
    ) -> None:
        self.signature = Signature(
            inputs_of(inspection.table),
            outputs.specs,
            outputs.task,
            outputs.classes,
            label=outputs.label,
            scores=outputs.scores,
            fitted=fitted_columns(inspection.table),
        )
        self.example = inspection.example
        self.notes = notes
        self.mixes_rows = mixes_rows
        self.loop_safe = not inspection.fitted.has_other_code
        self._code = code  # keeps the modules importable while the estimator may use them
        self.compiled = serving.compiled
        self._predict = serving.predict
        self._known = inspection.known
        self._threads = threads

    def predict(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """The named outputs.

        Raises InvalidRequest if the estimator rejects the rows with a ValueError: NaN, infinity, unknown categories and others.
        """
        limit_threads(self._threads)
        try:
            return self._predict(inputs, outputs)
        except ValueError as error:
            if (bad_request := request_error(inputs, self._known)) is not None:
                raise bad_request from error
            if not self.loop_safe:
                raise  # a ValueError of the operator's code may have any cause
            first, *_ = str(error).splitlines() or [""]
            raise InvalidRequest(f"the model rejects the input: {first}") from error
