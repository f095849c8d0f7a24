"""The scikit-learn runtime: any fitted estimator or pipeline, from skops, joblib or pickle files."""

import math
import threading
from collections.abc import Sequence
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from deployments.runtimes import sklearn_parts, sklearn_rows
from deployments.runtimes.base import Files, LoadedModel
from deployments.runtimes.sklearn_artefact import read_estimator
from deployments.runtimes.sklearn_outputs import Answers, answers_of, features_of
from deployments.runtimes.sklearn_signature import Columns, columns_of, inputs_of, reads_text
from deployments.runtimes.sklearn_steps import Function, through, transforms_of
from deployments.spec.model import ModelSpec
from deployments.tensors import FREE, Signature, Tensors, TensorSpec

TEXT = (TensorSpec("text", "BYTES", (FREE,)),)
_limits = threading.local()


def load(files: Files, spec: ModelSpec, *, cpus: float) -> LoadedModel:
    """The model in a version's files. Raises LoadError."""
    estimator = sklearn_parts.served(read_estimator(files, spec))
    limit_threads(math.ceil(cpus))
    sklearn_parts.keep_quiet(estimator)
    columns = None if reads_text(estimator) else columns_of(estimator)
    example = sklearn_rows.example_of(estimator, columns)
    read, front, answers = _prepare(estimator, columns, example)
    inputs = TEXT if columns is None else inputs_of(columns)
    return SklearnModel(inputs, example, read, front, answers, threads=math.ceil(cpus))


def _prepare(
    estimator: Any, columns: Columns | None, example: Tensors
) -> tuple[sklearn_rows.Read, Sequence[Function], Answers]:
    """How the estimator's inputs become X, what X goes through, and what comes out."""
    whole = sklearn_parts.steps(estimator)
    front = whole if not hasattr(whole[-1], "predict") and hasattr(whole[-1], "transform") else whole[:-1]
    if columns and columns.named and sklearn_parts.needs_frames(estimator):
        read = sklearn_rows.frames(columns)
        functions: Sequence[Function] = [step.transform for step in front]
    else:
        sklearn_parts.take_arrays(estimator)
        read = sklearn_rows.arrays(columns)
        functions = transforms_of(front, columns.datatypes if columns else (), read(example))
    rows = through(functions, read(example))
    return read, functions, features_of(rows) if front is whole else answers_of(whole[-1], rows)


def limit_threads(threads: int) -> None:
    """Let BLAS and OpenMP use this many threads. OpenMP counts for each thread that calls it."""
    if getattr(_limits, "threads", None) != threads:
        threadpool_limits(threads)
        _limits.threads = threads


class SklearnModel:
    """A loaded estimator; see LoadedModel."""

    def __init__(
        self,
        inputs: tuple[TensorSpec, ...],
        example: Tensors,
        read: sklearn_rows.Read,
        front: Sequence[Function],
        answers: Answers,
        *,
        threads: int,
    ) -> None:
        self.signature = Signature(
            inputs, answers.specs, answers.task, answers.classes, label=answers.label, scores=answers.scores
        )
        self.example = example
        self._read = read
        self._front = front
        self._answers = answers
        self._threads = threads

    def predict(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """The named outputs. Raises InvalidRequest for NaN and infinity where the estimator does not take them."""
        limit_threads(self._threads)
        try:
            return self._answers.answer(through(self._front, self._read(inputs)), outputs)
        except ValueError as error:
            if (refused := sklearn_rows.explain_not_finite(inputs)) is None:
                raise
            raise refused from error
