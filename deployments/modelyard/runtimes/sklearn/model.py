"""The scikit-learn runtime: any fitted estimator or pipeline, from skops, joblib or pickle files.

The fitted object is the truth. Its own methods serve, on rows as it was fitted with them, unless a faster way was proved to give
the same on rows that can tell the two apart.
"""

import math
import threading
from collections.abc import Callable, Sequence

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from modelyard.config.model_spec import ModelSpec
from modelyard.errors import InvalidRequest
from modelyard.runtimes.base import Files, LoadedModel
from modelyard.runtimes.operator_code.adjacent_modules import CodeBeside
from modelyard.runtimes.sklearn import parts
from modelyard.runtimes.sklearn.artefact.read import read_estimator
from modelyard.runtimes.sklearn.fast_path.build import quick_way
from modelyard.runtimes.sklearn.fast_path.parity import difference
from modelyard.runtimes.sklearn.inspection import Subject, subject_of
from modelyard.runtimes.sklearn.outputs import Outputs, outputs_of
from modelyard.runtimes.sklearn.reference import Truth, quiet
from modelyard.runtimes.sklearn.request_errors import refusal
from modelyard.runtimes.sklearn.table.table import fitted_of, inputs_of
from modelyard.tensors import Signature, Tensors

Predict = Callable[[Tensors, Sequence[str]], Tensors]

NO_ROWS = "no row could be made up that it takes, so nothing faster than its own methods serves: put a request into example.json"
MAY_MIX = (
    "{} may mix the rows of a call, and is not a library's: if it does not, set batching: {{independent_rows: true}}"
)

_limits = threading.local()


def load(files: Files, spec: ModelSpec, *, cpus: float) -> LoadedModel:
    """The model in a version's files. Raises LoadError."""
    artefact = read_estimator(files, spec)
    threads = math.ceil(cpus)
    limit_threads(threads)
    parts.keep_quiet(artefact.estimator)
    with quiet():
        subject = subject_of(artefact.estimator, files, spec)
        outputs = outputs_of(subject.fitted.estimator, subject.rows, spec.labels)
        predict, notes = _way(subject, outputs)
    mixes = "" if spec.batching.independent_rows else parts.may_mix_rows(artefact.estimator)
    return SklearnModel(
        subject,
        outputs,
        predict,
        notes=(*artefact.notes, *notes),
        mixes_rows=MAY_MIX.format(mixes) if mixes else "",
        threads=threads,
        code=artefact.code,
    )


def _way(subject: Subject, outputs: Outputs) -> tuple[Predict, tuple[str, ...]]:
    """How the model is served, and why it is not served faster."""
    truth = Truth(subject.fitted.estimator, subject.fitted.read(subject.table), outputs, subject.fitted.has_other_code)
    if not subject.works:
        return truth.predict, (NO_ROWS,)
    try:
        quick = quick_way(subject.fitted.estimator, subject.table, outputs, subject.example)
    except Exception as error:  # noqa: BLE001 - the model itself takes this example
        return truth.predict, (f"served by its own methods: the quick way fails ({type(error).__name__}: {error})",)
    if quick is None:
        return truth.predict, ("served by its own methods: it holds code that is not scikit-learn's",)
    names = outputs.names
    differs = difference(lambda x: truth.predict(x, names), lambda x: quick.predict(x, names), subject.battery)
    if differs:
        return truth.predict, (f"served by its own methods: of the quick way, {differs}",)
    return quick.predict, ()


def limit_threads(threads: int) -> None:
    """Let BLAS and OpenMP use this many threads. OpenMP counts for each thread that calls it."""
    if getattr(_limits, "threads", None) != threads:
        threadpool_limits(threads)
        _limits.threads = threads


class SklearnModel:
    """A loaded estimator; see LoadedModel."""

    def __init__(
        self,
        subject: Subject,
        outputs: Outputs,
        predict: Predict,
        *,
        notes: tuple[str, ...],
        mixes_rows: str,
        threads: int,
        code: CodeBeside | None,
    ) -> None:
        self.signature = Signature(
            inputs_of(subject.table),
            outputs.specs,
            outputs.task,
            outputs.classes,
            label=outputs.label,
            scores=outputs.scores,
            fitted=fitted_of(subject.table),
        )
        self.example = subject.example
        self.notes = notes
        self.mixes_rows = mixes_rows
        self.loop_safe = not subject.fitted.has_other_code
        self._code = code  # the estimator may use it at any time
        self._predict = predict
        self._known = subject.known
        self._threads = threads

    def predict(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """The named outputs.

        Raises InvalidRequest where the estimator does not take these rows: NaN, infinity, unknown categories, and whatever else
        it refuses with a ValueError.
        """
        limit_threads(self._threads)
        try:
            return self._predict(inputs, outputs)
        except ValueError as error:
            if (refused := refusal(inputs, self._known)) is not None:
                raise refused from error
            if not self.loop_safe:
                raise  # a fault of code that is not a library's may have any reason
            first, *_ = str(error).splitlines() or [""]
            raise InvalidRequest(f"the model does not take this: {first}") from error
