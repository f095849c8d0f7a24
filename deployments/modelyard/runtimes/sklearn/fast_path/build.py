"""Builds the fast path through scikit-learn's own pipelines and estimators: plain arrays between steps, scaling, linear models
and forests in numpy, and no step computed twice. `parity.py` decides whether it may serve."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier, VotingClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from modelyard.runtimes.load_results import RESULTS
from modelyard.runtimes.sklearn.compiled.compilation import Compilation
from modelyard.runtimes.sklearn.compiled.head import Head
from modelyard.runtimes.sklearn.compiled.sparse_rows import SparseRows
from modelyard.runtimes.sklearn.fast_path import forest, linear
from modelyard.runtimes.sklearn.fast_path.steps import (
    Function,
    apply_all,
    fast_if_equal,
    matrix_transforms_of,
    transforms_of,
)
from modelyard.runtimes.sklearn.outputs import Output, Outputs, as_datatype
from modelyard.runtimes.sklearn.parts import effective, holds_other_code, is_known, parts, steps, without_names
from modelyard.runtimes.sklearn.table.rows import Read, arrays
from modelyard.runtimes.sklearn.table.table import Table
from modelyard.tensors import Array, Tensors

LABEL_IS_ARGMAX = (
    BaggingClassifier,
    CalibratedClassifierCV,
    DecisionTreeClassifier,
    ExtraTreeClassifier,
    ExtraTreesClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
"""Classifiers whose source defines `predict` as the argmax of `predict_proba`, ties included, so it is not computed again.
Other classifiers differ: SVC calibrates its probabilities independently of its labels, and linear models round theirs."""

Compute = Callable[[Any], Array]
"""From the input of the last step to one output."""


@dataclass(frozen=True, slots=True)
class EstimatorFastPath:
    """The fast path through one estimator."""

    read: Read
    front: Sequence[Function]
    """The steps of the pipeline before the last."""
    compute: dict[str, Compute]
    label_and_scores: Callable[[Any], Tensors] | None
    """Computes label and scores at once, if that is less work than computing each."""

    def predict(self, inputs: Tensors, wanted: Sequence[str]) -> Tensors:
        """The wanted outputs."""
        rows = apply_all(self.front, self.read(inputs))
        if self.label_and_scores and len(wanted) == 2:
            return self.label_and_scores(rows)
        return {name: self.compute[name](rows) for name in wanted}


def build_fast_path(
    estimator: Any, table: Table | None, outputs: Outputs, example: Tensors, compilation: Compilation
) -> EstimatorFastPath | None:
    """The fast path through a fitted estimator with these outputs; None if part of it is not scikit-learn's own code.

    `example` is one that the model accepts. Raises what the estimator raises for it.
    """
    if not RESULTS.once("sklearn alone", lambda: _is_sklearn_alone(estimator)):
        return None
    pipeline = steps(effective(without_names(effective(estimator))))
    final = pipeline[-1]
    transforms = outputs.outputs[0].method == "transform"
    read = arrays(table)
    datatypes = () if table is None else tuple(column.wire if column.is_read else "" for column in table.columns)
    if transforms:
        front, _ = matrix_transforms_of(pipeline, datatypes, read(example), compilation)
        return EstimatorFastPath(read, front, {output.spec.name: output.convert for output in outputs.outputs}, None)
    front, rows = transforms_of(pipeline[:-1], datatypes, read(example), compilation)
    if isinstance(rows, SparseRows):
        head = compilation.text_head(final, pipeline[0], front[-1])
    else:
        head = compilation.tree_head(final, rows)
    if head is not None and (compiled := _of_head(head, outputs)):
        return EstimatorFastPath(read, front, *compiled)
    if isinstance(rows, SparseRows):
        front, rows = [*front, SparseRows.scipy], rows.scipy()
    compute = {output.spec.name: _by_method(final, output) for output in outputs.outputs}
    if outputs.task == "regression" and (faster := linear.value(final) or forest.value(final)):
        compute["value"] = fast_if_equal(compute["value"], faster, rows)
    if _has_plain_labels(outputs):
        return EstimatorFastPath(read, front, *_classifier(final, outputs, rows, compute))
    return EstimatorFastPath(read, front, compute, None)


def _is_sklearn_alone(estimator: Any) -> bool:
    return not holds_other_code(estimator) and all(is_known(part, ("sklearn",)) for part in parts(estimator))


def _has_plain_labels(outputs: Outputs) -> bool:
    return bool(outputs.label == "label" and outputs.classes and outputs.by_name["label"].method == "predict")


def _of_head(head: Head, outputs: Outputs) -> tuple[dict[str, Compute], Callable[[Any], Tensors] | None] | None:
    """The functions of a compiled head; None if it lacks one of the outputs."""
    raw, indices, scores, value = head.raw, head.indices, head.scores, head.value
    if outputs.task == "regression" and value is not None:
        convert = outputs.by_name["value"].convert
        return {"value": lambda rows: convert(value(raw(rows)))}, None
    if not _has_plain_labels(outputs) or indices is None or (outputs.scores and scores is None):
        return None
    labels = as_datatype(outputs.by_name["label"].spec.datatype, outputs.classes)
    compute: dict[str, Compute] = {"label": lambda rows: labels[indices(raw(rows))]}
    if not outputs.scores or scores is None:
        return compute, None
    as_scores = outputs.by_name["scores"].convert
    compute["scores"] = lambda rows: as_scores(scores(raw(rows)))

    def both(rows: Any) -> Tensors:
        found = raw(rows)
        return {"label": labels[indices(found)], "scores": as_scores(scores(found))}

    return compute, both


def _by_method(final: Any, output: Output) -> Compute:
    method, convert = getattr(final, output.method), output.convert
    return lambda rows: convert(method(rows))


def _classifier(
    final: Any, outputs: Outputs, rows: Any, compute: dict[str, Compute]
) -> tuple[dict[str, Compute], Callable[[Any], Tensors] | None]:
    labels = as_datatype(outputs.by_name["label"].spec.datatype, outputs.classes)
    decide = linear.decision(final)
    if decide is not None and fast_if_equal(final.decision_function, decide, rows) is not decide:
        decide = None
    if decide is not None:
        compute["label"] = lambda x: labels[linear.indices(decide(x))]
    if not outputs.scores:
        return compute, None
    of_decision = linear.probabilities(final)
    if decide is not None and of_decision is not None:
        compute["scores"] = lambda x: of_decision(decide(x))

        def decided(x: Any) -> Tensors:
            found = decide(x)
            return {"label": labels[linear.indices(found)], "scores": of_decision(found)}

        return compute, decided
    if faster := forest.probabilities(final):
        compute["scores"] = fast_if_equal(compute["scores"], faster, rows)
    if type(final) not in LABEL_IS_ARGMAX:
        return compute, None
    scores = compute["scores"]
    compute["label"] = lambda x: labels[scores(x).argmax(axis=1)]

    def likeliest(x: Any) -> Tensors:
        found = scores(x)
        return {"label": labels[found.argmax(axis=1)], "scores": found}

    return compute, likeliest
