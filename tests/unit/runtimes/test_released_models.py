"""The memory of a model that its pool releases. A pool excludes loaded models from garbage collection, so no part of them may be in
a reference cycle: reference counts alone free it."""

import gc
import io
from collections.abc import Iterator
from typing import Any

import joblib  # type: ignore[import-untyped]  # it ships no types
import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.load_results import RESULTS
from modelyard.runtimes.sklearn import model as sklearn

ROWS = np.random.default_rng(3).standard_normal((60, 4))
LABELS = (ROWS[:, 0] > 0).astype(int)
TEXTS = [f"word{number % 7} other{number % 3} text" for number in range(60)]
OF_NUMBERS = (
    RandomForestClassifier(5),
    ExtraTreesRegressor(5),
    DecisionTreeClassifier(),
    GradientBoostingClassifier(n_estimators=5),
    GradientBoostingRegressor(n_estimators=5),
    HistGradientBoostingClassifier(max_iter=5),
    HistGradientBoostingRegressor(max_iter=5),
    make_pipeline(StandardScaler(), LogisticRegression()),
    make_pipeline(ColumnTransformer([("some", StandardScaler(), [0, 2])], remainder="passthrough"), Ridge()),
    VotingClassifier([("nb", GaussianNB()), ("tree", DecisionTreeClassifier())]),
    KNeighborsClassifier(),
    MLPClassifier((4,), max_iter=5),
    SVC(),
)
OF_TEXTS = (
    make_pipeline(TfidfVectorizer(), LogisticRegression()),
    make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)), SGDClassifier()),
    make_pipeline(HashingVectorizer(n_features=256), SGDClassifier()),
    make_pipeline(CountVectorizer(), MultinomialNB()),
)


@pytest.fixture
def collector_off() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def load(content: bytes, key: str) -> Any:
    with RESULTS.of(key):
        return sklearn.load({"model.joblib": content}, ModelSpec(name="m", trusted=True), cpus=1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("estimator", [*OF_NUMBERS, *OF_TEXTS], ids=lambda it: getattr(it, "steps", [("", it)])[-1][1])
def test_a_released_model_leaves_nothing_to_the_garbage_collector(estimator: Any, collector_off: None) -> None:
    rows: Any = TEXTS if any(estimator is each for each in OF_TEXTS) else ROWS
    file = io.BytesIO()
    joblib.dump(estimator.fit(rows, LABELS), file)
    key = f"released {estimator}"
    load(file.getvalue(), key)  # another kind of load: the results of its checks are kept
    for _ in range(2):
        model = load(file.getvalue(), key)
        model.predict(model.example, [each.name for each in model.signature.outputs])
        gc.collect()
        del model
        assert gc.collect() == 0
