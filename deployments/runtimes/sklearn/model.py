"""The scikit-learn runtime: any fitted estimator or pipeline, from skops, joblib or pickle files."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from deployments.runtimes.base import Files, LoadedModel, LoadError
from deployments.runtimes.sklearn import parts
from deployments.runtimes.sklearn.artefact import read_estimator
from deployments.runtimes.sklearn.example import examples_of
from deployments.runtimes.sklearn.outputs import Answers, answers_of, features_of
from deployments.runtimes.sklearn.refusal import Known, known_categories, refusal
from deployments.runtimes.sklearn.rows import Read, arrays, frames
from deployments.runtimes.sklearn.signature import Columns, columns_of, inputs_of, reads_text
from deployments.runtimes.sklearn.steps import Function, through, transforms_of
from deployments.spec.model import ModelSpec
from deployments.tensors import Signature, Tensors, TensorSpec

_limits = threading.local()


def load(files: Files, spec: ModelSpec, *, cpus: float) -> LoadedModel:
    """The model in a version's files. Raises LoadError."""
    artefact = read_estimator(files, spec)
    estimator = parts.served(artefact.estimator)
    threads = math.ceil(cpus)
    limit_threads(threads)
    parts.keep_quiet(estimator)
    columns = None if reads_text(estimator) else columns_of(estimator)
    known = known_categories(estimator, columns)
    failure: Exception | None = None
    for example in examples_of(estimator, columns):
        try:
            with np.errstate(all="ignore"):  # a logarithm of a made-up number is no news
                path = _path(estimator, columns, example, spec.labels)
        except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
            failure = failure or error
        else:
            model = SklearnModel(inputs_of(columns), example, path, known, threads)
            model.notes, model.code = artefact.notes, artefact.code
            return model
    raise LoadError(
        f"the {type(estimator).__name__} fails on rows made from what it was fitted with: "
        f"{type(failure).__name__}: {failure}"
    ) from failure


@dataclass(frozen=True, slots=True)
class Path:
    """The way from inputs to outputs."""

    read: Read
    front: Sequence[Function]
    """The steps of the pipeline before the last."""
    answers: Answers


def _path(estimator: Any, columns: Columns | None, example: Tensors, labels: Sequence[str]) -> Path:
    """The quickest way through the estimator that is certain to give what it gives."""
    steps = parts.steps(estimator)
    only_transforms = not hasattr(steps[-1], "predict") and hasattr(steps[-1], "transform")
    front = steps if only_transforms else steps[:-1]
    if columns and columns.named and parts.needs_frames(estimator):
        read = frames(columns)
        functions: Sequence[Function] = [step.transform for step in front]
    else:
        parts.take_arrays(estimator)
        read = arrays(columns)
        functions = transforms_of(front, columns.datatypes if columns else (), read(example))
    rows = through(functions, read(example))
    return Path(read, functions, features_of(rows) if only_transforms else answers_of(steps[-1], rows, labels))


def limit_threads(threads: int) -> None:
    """Let BLAS and OpenMP use this many threads. OpenMP counts for each thread that calls it."""
    if getattr(_limits, "threads", None) != threads:
        threadpool_limits(threads)
        _limits.threads = threads


class SklearnModel:
    """A loaded estimator; see LoadedModel."""

    def __init__(
        self, inputs: tuple[TensorSpec, ...], example: Tensors, path: Path, known: Known, threads: int
    ) -> None:
        answers = path.answers
        self.signature = Signature(
            inputs, answers.specs, answers.task, answers.classes, label=answers.label, scores=answers.scores
        )
        self.example = example
        self.notes: tuple[str, ...] = ()
        self.code: object = None
        """Kept: the estimator may use it at any time."""
        self.loop_safe = True
        self._read, self._front, self._answer = path.read, path.front, answers.answer
        self._known = known
        self._threads = threads

    def predict(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """The named outputs.

        Raises InvalidRequest for NaN, infinity and unknown categories where the estimator does not take them.
        """
        limit_threads(self._threads)
        try:
            return self._answer(through(self._front, self._read(inputs)), outputs)
        except ValueError as error:
            if (refused := refusal(inputs, self._known)) is None:
                raise
            raise refused from error
