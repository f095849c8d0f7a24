"""The quick way apply_all scikit-learn's own pipelines and estimators: plain arrays from step to step, scaling, linear models and
forests in numpy, and no step computed twice. `proof.py` decides whether it serves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier, VotingClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from modelyard.runtimes.sklearn.fast_path import forest, linear
from modelyard.runtimes.sklearn.fast_path.steps import Function, apply_all, fast_if_equal, transforms_of
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
"""Classifiers whose `predict` is by its source the argmax of `predict_proba`, ties included; it need not be computed again.
Others come near: SVC calibrates its probabilities apart from its labels, and linear models round theirs."""

Compute = Callable[[Any], Array]
"""What went apply_all the pipeline's front to one output."""


@dataclass(frozen=True, slots=True)
class EstimatorFastPath:
    """The quick way."""

    read: Read
    front: Sequence[Function]
    """The steps of the pipeline before the last."""
    compute: dict[str, Compute]
    together: Callable[[Any], Tensors] | None
    """Label and scores at once, where that is less work than one after the other."""

    def predict(self, inputs: Tensors, wanted: Sequence[str]) -> Tensors:
        """The wanted outputs."""
        rows = apply_all(self.front, self.read(inputs))
        if self.together and len(wanted) == 2:
            return self.together(rows)
        return {name: self.compute[name](rows) for name in wanted}


def build_fast_path(
    estimator: Any, table: Table | None, outputs: Outputs, example: Tensors
) -> EstimatorFastPath | None:
    """The quick way apply_all a fitted estimator whose outputs these are; None where there is none, because part of it is not
    scikit-learn's own. `example` is one that the model takes. Raises what the estimator raises for it."""
    if holds_other_code(estimator) or not all(is_known(part, ("sklearn",)) for part in parts(estimator)):
        return None
    way = steps(effective(without_names(effective(estimator))))
    final = way[-1]
    transforms = outputs.outputs[0].method == "transform"
    read = arrays(table)
    datatypes = () if table is None else tuple(column.wire if column.is_read else "" for column in table.columns)
    front = transforms_of(way if transforms else way[:-1], datatypes, read(example))
    if transforms:
        return EstimatorFastPath(read, front, {output.spec.name: output.convert for output in outputs.outputs}, None)
    rows = apply_all(front, read(example))
    compute = {output.spec.name: _by_method(final, output) for output in outputs.outputs}
    if outputs.task == "regression" and (faster := linear.value(final) or forest.value(final)):
        compute["value"] = fast_if_equal(compute["value"], faster, rows)
    if outputs.label == "label" and outputs.classes and outputs.by_name["label"].method == "predict":
        return EstimatorFastPath(read, front, *_classifier(final, outputs, rows, compute))
    return EstimatorFastPath(read, front, compute, None)


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
