"""The scikit-learn runtime: any fitted estimator or pipeline, from skops, joblib or pickle files."""

import math
from collections.abc import Sequence

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

from deployments.runtimes import sklearn_rows
from deployments.runtimes.base import Files, LoadedModel
from deployments.runtimes.sklearn_artefact import read_estimator
from deployments.runtimes.sklearn_outputs import Answers, answers_of
from deployments.runtimes.sklearn_parts import served, settle
from deployments.runtimes.sklearn_signature import columns_of, inputs_of, reads_text
from deployments.spec.model import ModelSpec
from deployments.tensors import FREE, Signature, Tensors, TensorSpec

TEXT = (TensorSpec("text", "BYTES", (FREE,)),)


def load(files: Files, spec: ModelSpec, *, cpus: float) -> LoadedModel:
    """The model in a version's files. Raises LoadError."""
    estimator = served(read_estimator(files, spec))
    threadpool_limits(math.ceil(cpus))  # of BLAS and OpenMP, for as long as the process lives
    columns = None if reads_text(estimator) else columns_of(estimator)
    settle(estimator)
    read = sklearn_rows.reader(columns)
    example = sklearn_rows.example_of(estimator, columns)
    answers = answers_of(estimator, read(example))
    inputs = TEXT if columns is None else inputs_of(columns)
    return SklearnModel(inputs, example, read, answers)


class SklearnModel:
    """A loaded estimator; see LoadedModel."""

    def __init__(
        self, inputs: tuple[TensorSpec, ...], example: Tensors, read: sklearn_rows.Read, answers: Answers
    ) -> None:
        self.signature = Signature(
            inputs, answers.specs, answers.task, answers.classes, label=answers.label, scores=answers.scores
        )
        self.example = example
        self._read = read
        self._answers = answers

    def predict(self, inputs: Tensors, outputs: Sequence[str]) -> Tensors:
        """The named outputs. Raises InvalidRequest for NaN and infinity where the estimator does not take them."""
        try:
            return self._answers.answer(self._read(inputs), outputs)
        except ValueError as error:
            if (refused := sklearn_rows.explain_not_finite(inputs)) is None:
                raise
            raise refused from error
