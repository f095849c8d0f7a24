"""The served outputs equal those of the fitted object itself, whatever it contains."""

import sys
import warnings
from importlib.abc import MetaPathFinder
from typing import Any

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline as SamplingPipeline
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier

from modelyard.runtimes.base import LoadError
from modelyard.runtimes.sklearn.fast_path.build import EstimatorFastPath
from modelyard.tensors import FREE, TensorSpec
from tests.unit.runtimes.customers import BOTH, CUSTOMERS, KIND, SPENT, assert_own_answers, inputs_of, load
from tests.unit.runtimes.operator_code import Buffered, Centred, InPlace, Unsure, constant, ratio

NUMBERS = CUSTOMERS[["age", "visits"]].astype(float)


def scaled(columns: list[str], final: Any) -> Any:
    return make_pipeline(ColumnTransformer([("scaled", StandardScaler(), columns)]), final)


def members(final: Any, target: Any, *, narrow: bool = False) -> list[tuple[str, Any]]:
    """Two pipelines that read different columns of the same frame, or of a narrower one."""
    columns = {"a": ["age"], "b": ["income", "visits"]}
    return [
        (name, scaled(chosen, final()).fit(CUSTOMERS[chosen] if narrow else CUSTOMERS, target))
        for name, chosen in columns.items()
    ]


@pytest.mark.parametrize("narrow", [False, True])
def test_every_column_that_a_member_of_an_ensemble_reads_is_an_input(narrow: bool) -> None:
    frozen = [(name, FrozenEstimator(part)) for name, part in members(LogisticRegression, KIND, narrow=narrow)]
    vote = VotingClassifier(frozen, voting="soft").fit(CUSTOMERS, KIND)
    model = load(vote)
    columns = {column for spec in model.signature.inputs for column in spec.columns or (spec.name,)}
    assert columns == {"age", "income", "visits"}
    assert_own_answers(model, vote, CUSTOMERS)


def test_a_stack_of_fitted_pipelines_reads_all_their_columns() -> None:
    stack = StackingRegressor(members(Ridge, SPENT), Ridge(), cv="prefit").fit(CUSTOMERS, SPENT)
    assert_own_answers(load(stack), stack, CUSTOMERS)


def test_a_vote_of_regressors_reads_all_their_columns() -> None:
    vote = VotingRegressor([("a", scaled(["age"], Ridge())), ("b", scaled(["income"], Ridge()))]).fit(CUSTOMERS, SPENT)
    assert_own_answers(load(vote), vote, CUSTOMERS)


def test_bagging_with_columns_of_each_member_reads_all_of_them() -> None:
    frame = CUSTOMERS[["age", "income", "visits", "code"]].astype(float)
    bagging = BaggingRegressor(Ridge(), n_estimators=3, max_features=0.5, random_state=1).fit(frame, SPENT)
    assert_own_answers(load(bagging), bagging, frame)


def test_a_function_in_front_may_return_other_columns_than_it_gets() -> None:
    estimator = make_pipeline(FunctionTransformer(ratio), StandardScaler(), LogisticRegression()).fit(CUSTOMERS, KIND)
    model = load(estimator)
    assert {spec.name: spec.datatype for spec in model.signature.inputs} == dict.fromkeys(
        ("age", "income", "visits"), "FP64"
    )
    assert model.signature.fitted == tuple(CUSTOMERS.columns)
    assert_own_answers(model, estimator, CUSTOMERS)


def test_a_function_in_front_may_add_columns() -> None:
    estimator = make_pipeline(FunctionTransformer(constant), StandardScaler(), LogisticRegression()).fit(NUMBERS, KIND)
    assert_own_answers(load(estimator), estimator, NUMBERS)


def test_a_subclass_of_pipeline_uses_its_own_predict() -> None:
    estimator = Unsure([("scale", StandardScaler()), ("model", LogisticRegression())]).fit(NUMBERS, KIND)
    model = load(estimator)
    assert_own_answers(model, estimator, NUMBERS)
    assert "unsure" in model.predict(inputs_of(model, NUMBERS), ["label"])["label"].tolist()
    assert model.notes == ("served by its own methods: it contains code that is not scikit-learn's",)


def test_a_custom_predict_may_return_labels_of_another_type_than_the_classes() -> None:
    estimator = Unsure([("scale", StandardScaler()), ("model", LogisticRegression())]).fit(NUMBERS, BOTH[:, 0])
    model = load(estimator, {"instances": NUMBERS.to_numpy().tolist()})
    labels = model.predict(inputs_of(model, NUMBERS), ["label"])["label"].tolist()
    assert labels == [str(label) for label in estimator.predict(NUMBERS)]
    assert set(labels) == {"0", "1", "unsure"}


def test_a_pipeline_with_a_sampler_is_served() -> None:
    steps = [("more", RandomOverSampler(random_state=0)), ("scale", StandardScaler()), ("model", LogisticRegression())]
    estimator = SamplingPipeline(steps).fit(NUMBERS, KIND)
    assert_own_answers(load(estimator), estimator, NUMBERS)


FOREST = RandomForestClassifier(3, random_state=0)
METAS: dict[str, Any] = {
    "search": GridSearchCV(FOREST, {"max_depth": [2]}, cv=2),
    "calibrated": CalibratedClassifierCV(FOREST, cv=2),
    "calibrated boosting": CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=3), cv=2),
    "hard vote": VotingClassifier([("a", FOREST), ("b", GradientBoostingClassifier(n_estimators=3))]),
    "soft vote": VotingClassifier([("a", FOREST), ("b", DecisionTreeClassifier(max_depth=2))], voting="soft"),
    "stack": StackingClassifier([("a", FOREST)], cv=2),
    "stack with its rows": StackingClassifier([("a", FOREST)], cv=2, passthrough=True),
    "one against the rest": OneVsRestClassifier(FOREST),
    "one against one": OneVsOneClassifier(FOREST),
    "codes": OutputCodeClassifier(FOREST, random_state=0),
    "ada boost": AdaBoostClassifier(FOREST, n_estimators=2, random_state=0),
    "bagging": BaggingClassifier(FOREST, n_estimators=2, random_state=0),
    "selected by a forest": make_pipeline(SelectFromModel(FOREST), LogisticRegression()),
    "recursive elimination": RFE(FOREST, n_features_to_select=1),
    "threshold": FixedThresholdClassifier(FOREST, threshold=0.9, pos_label="gold"),
    "tuned threshold": TunedThresholdClassifierCV(FOREST, cv=2, scoring="balanced_accuracy"),
    "frozen": FrozenEstimator(FOREST.fit(NUMBERS, KIND)),
    "self-training": SelfTrainingClassifier(FOREST),
}


@pytest.mark.parametrize("name", METAS)
def test_a_meta_estimator_over_forests_is_not_damaged(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = METAS[name].fit(NUMBERS, KIND.astype(object))
    assert_own_answers(load(estimator), estimator, NUMBERS)


COLUMNS = ColumnTransformer(
    [("kinds", OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]), ("numbers", StandardScaler(), ["age"])]
)


@pytest.mark.parametrize(
    "estimator",
    [
        GridSearchCV(make_pipeline(COLUMNS, LogisticRegression()), {"logisticregression__C": [1, 2]}, cv=2),
        CalibratedClassifierCV(make_pipeline(COLUMNS, FOREST), cv=2),
        StackingClassifier([("a", make_pipeline(COLUMNS, FOREST))], cv=2),
        OneVsRestClassifier(make_pipeline(COLUMNS, FOREST)),
        VotingClassifier([("a", make_pipeline(COLUMNS, FOREST)), ("b", scaled(["income"], LogisticRegression()))]),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_a_column_transformer_inside_a_meta_estimator_is_served(estimator: Any) -> None:
    estimator.fit(CUSTOMERS, KIND)
    assert_own_answers(load(estimator), estimator, CUSTOMERS)


@pytest.mark.parametrize(
    "estimator",
    [
        MultiOutputClassifier(FOREST),
        ClassifierChain(LogisticRegression()),
        OneVsRestClassifier(LogisticRegression()),
        RandomForestClassifier(3, random_state=0),
        MLPClassifier((3,), max_iter=400, tol=0.1, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_probabilities_of_several_labels_a_row_are_outputs(estimator: Any) -> None:
    rows = (NUMBERS - NUMBERS.mean()) / NUMBERS.std()
    estimator.fit(rows, BOTH)
    model = load(estimator)
    names = [spec.name for spec in model.signature.outputs]
    one_each = isinstance(estimator.predict_proba(rows), list)
    assert names == (["labels", "scores_0", "scores_1"] if one_each else ["labels", "scores"])
    assert (model.signature.label, model.signature.scores, model.signature.classes) == ("labels", "", ())
    assert_own_answers(model, estimator, rows)


def test_regressors_of_several_numbers_and_of_transformed_targets_over_forests_are_served() -> None:
    several = MultiOutputRegressor(RandomForestRegressor(2)).fit(NUMBERS, np.column_stack([SPENT, -SPENT]))
    assert_own_answers(load(several), several, NUMBERS)
    transformed = TransformedTargetRegressor(RandomForestRegressor(2), func=np.log1p, inverse_func=np.expm1)
    assert_own_answers(load(transformed.fit(NUMBERS, SPENT)), transformed, NUMBERS)


def test_a_model_fitted_with_single_precision_gets_single_precision() -> None:
    rows = NUMBERS.astype(np.float32)
    estimator = KMeans(3, n_init=1, random_state=0).fit(rows)
    model = load(estimator)
    assert model.signature.inputs == (TensorSpec("x", "FP32", (FREE, 2), ("age", "visits")),)
    given = model.predict({"x": rows.to_numpy()}, ["cluster"])
    assert given["cluster"].tolist() == estimator.predict(rows).tolist()


def test_no_later_call_changes_what_an_operators_code_returned() -> None:
    model = load(make_pipeline(Buffered()).fit(NUMBERS.to_numpy()))
    first = model.predict({"x": np.ones((2, 2))}, ["features"])["features"]
    model.predict({"x": np.full((2, 2), 7.0)}, ["features"])
    assert first.tolist() == [[2, 2], [2, 2]]


def test_code_that_changes_its_rows_in_place_changes_no_other_output_and_no_request() -> None:
    rows = NUMBERS.to_numpy()
    estimator = make_pipeline(InPlace(), LogisticRegression(max_iter=1000)).fit(rows.copy(), KIND)
    sent = rows[:5].copy()
    given = load(estimator).predict({"x": sent}, ["label", "scores"])
    assert sent.tolist() == rows[:5].tolist()
    assert given["label"].tolist() == estimator.predict(rows[:5].copy()).tolist()
    assert given["scores"].tolist() == estimator.predict_proba(rows[:5].copy()).tolist()


def test_only_models_of_library_code_run_on_the_event_loop() -> None:
    assert load(make_pipeline(StandardScaler(), LogisticRegression()).fit(NUMBERS, KIND)).loop_safe
    assert load(make_pipeline(FunctionTransformer(np.log1p), Ridge()).fit(NUMBERS, SPENT)).loop_safe
    assert not load(make_pipeline(Centred(), Ridge()).fit(NUMBERS.to_numpy(), SPENT)).loop_safe
    assert not load(make_pipeline(FunctionTransformer(constant), Ridge()).fit(NUMBERS, SPENT)).loop_safe


class NoPandas(MetaPathFinder):
    """A machine without pandas."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)


def test_without_pandas_a_model_of_scikit_learns_own_estimators_gets_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = make_pipeline(COLUMNS, LogisticRegression()).fit(CUSTOMERS, KIND)
    foreign = make_pipeline(FunctionTransformer(ratio), LogisticRegression(max_iter=1000)).fit(CUSTOMERS, KIND)
    with monkeypatch.context() as without:
        without.delitem(sys.modules, "pandas")
        without.setattr(sys, "meta_path", [NoPandas(), *sys.meta_path])
        model = load(plain)
        with pytest.raises(LoadError, match="was fitted with a pandas data frame, and pandas is not installed"):
            load(foreign)
    assert_own_answers(model, plain, CUSTOMERS)


def test_the_fast_path_serves_plain_pipelines() -> None:
    for estimator in (
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(COLUMNS, LogisticRegression()),
        FOREST,
        GridSearchCV(LogisticRegression(), {"C": [1]}, cv=2),
    ):
        frame = CUSTOMERS if "columntransformer" in str(getattr(estimator, "steps", "")).lower() else NUMBERS
        assert load(estimator.fit(frame, KIND)).notes == ()


def test_a_fast_path_that_differs_does_not_serve_and_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(NUMBERS, KIND)
    right = EstimatorFastPath.predict

    def wrong_for_one_row(self: EstimatorFastPath, inputs: Any, wanted: Any) -> Any:
        given = right(self, inputs, wanted)
        given["scores"] = np.where(inputs["x"][:, :1] > 1000, 0.5, given["scores"])
        return given

    monkeypatch.setattr(EstimatorFastPath, "predict", wrong_for_one_row)
    model = load(estimator)
    assert model.notes == (
        "served by its own methods: the fast path fails the parity check: its output 'scores' differs",
    )
    assert_own_answers(model, estimator, pd.concat([NUMBERS, NUMBERS * 100]))


def test_columns_that_are_not_read_leave_a_frame_with_categories_one_of_objects() -> None:
    """OneVsOneClassifier converts the frame to one array, of objects if a column is a category."""
    encoded = ColumnTransformer([("visits", OneHotEncoder(handle_unknown="ignore"), [1])])
    frame = CUSTOMERS[["city", "visits", "age"]].astype({"city": "category"})
    estimator = OneVsOneClassifier(make_pipeline(encoded, LogisticRegression())).fit(frame, KIND)
    model = load(estimator)
    assert [each.name for each in model.signature.inputs] == ["visits"]
    assert not any("no row could be made up" in note for note in model.notes)
    assert_own_answers(model, estimator, frame)


def test_a_category_reaches_a_model_that_makes_one_array_of_its_frame_as_one() -> None:
    """OneVsOneClassifier would convert texts that are not categories to numbers."""
    filled = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    front = ColumnTransformer([("age", "passthrough", [0]), ("city", filled, [1])])
    frame = CUSTOMERS[["age", "city"]].astype({"city": "category"})
    estimator = OneVsOneClassifier(make_pipeline(front, LogisticRegression())).fit(frame, KIND)
    model = load(estimator)
    assert [(each.name, each.datatype) for each in model.signature.inputs] == [("age", "FP64"), ("city", "BYTES")]
    assert_own_answers(model, estimator, frame)


def test_an_unused_column_of_an_array_whose_others_are_passed_through_is_not_an_input() -> None:
    """If columns are passed through, an array of objects yields an array of objects."""
    front = ColumnTransformer([("scaled", StandardScaler(), [0]), ("numbers", "passthrough", [1])])
    rows = NUMBERS.to_numpy()[:, [0, 1, 1]]
    estimator = front.fit(rows)
    model = load(estimator)
    assert [each.name for each in model.signature.inputs] == ["x0", "x1"]
    (output,) = (each.name for each in model.signature.outputs)
    given = model.predict({"x0": rows[:, 0], "x1": rows[:, 1]}, [output])
    assert given[output].tolist() == estimator.transform(rows).tolist()
