"""Small fitted scikit-learn models of every kind, each with rows and its own outputs for them."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import skops.io
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import (
    ElasticNet,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.base import LoadedModel
from modelyard.runtimes.sklearn import model as sklearn

FLOWERS = load_iris(as_frame=True)
NAMED = FLOWERS.data.rename(columns=lambda name: name.removesuffix(" (cm)").replace(" ", "_"))
ROWS = NAMED.to_numpy()
SPECIES = FLOWERS.target_names[FLOWERS.target]
CODES = FLOWERS.target.to_numpy()
LARGE = CODES == 2
TWO_KINDS = np.column_stack([SPECIES, np.where(ROWS[:, 0] > 5.8, "long", "short")])
TARGETS = ROWS @ np.arange(8.0).reshape(4, 2)
TARGET = TARGETS[:, 0] + 1
HOLES = np.where(np.random.default_rng(0).random(ROWS.shape) < 0.1, np.nan, ROWS)
MIXED = NAMED.assign(species=SPECIES, flowers=CODES + 1, wild=LARGE)
TEXTS = [
    f"a {kind} with petals of {length} by {width}" for kind, (*_, length, width) in zip(SPECIES, ROWS, strict=True)
]
ASKED = slice(None, None, 7)


@dataclass(frozen=True, slots=True)
class Case:
    """A fitted model and its expected outputs."""

    make: Callable[[], Any]
    rows: Any
    """The rows of the fit and of requests: an array, a data frame or a list of texts."""
    outputs: dict[str, str]
    """The method that each output must be equal to; a number after it selects one of several arrays."""
    target: Any = None

    def fitted(self) -> Any:
        with warnings.catch_warnings():
            # scikit-learn 1.9 deprecates SVC(probability=True); such models exist.
            warnings.simplefilter("ignore", FutureWarning)
            return self.make().fit(self.rows, self.target)


LABEL, SCORES = {"label": "predict"}, {"label": "predict", "scores": "predict_proba"}
VALUE, CLUSTER, FEATURES = {"value": "predict"}, {"cluster": "predict"}, {"features": "transform"}
SEVERAL = {"labels": "predict", "scores_0": "predict_proba 0", "scores_1": "predict_proba 1"}
STRANGE = {"label": "predict", "score": "decision_function"}


def _columns() -> ColumnTransformer:
    return make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["species", "flowers"]),
        (StandardScaler(), ["petal_length", "petal_width"]),
        ("passthrough", ["wild"]),
    )


CASES = {
    "logistic regression": Case(lambda: LogisticRegression(max_iter=1000), ROWS, SCORES, SPECIES),
    "logistic regression of two classes": Case(LogisticRegression, ROWS, SCORES, LARGE),
    "logistic regression with named features": Case(
        lambda: make_pipeline(StandardScaler(), LogisticRegression()), NAMED, SCORES, SPECIES
    ),
    "logistic regression of integers": Case(lambda: LogisticRegression(max_iter=1000), ROWS, SCORES, CODES),
    "logistic regression of floats": Case(LogisticRegression, ROWS, SCORES, np.where(LARGE, 2.0, 1.0)),
    "pipeline in a pipeline": Case(
        lambda: make_pipeline(make_pipeline(StandardScaler(), "passthrough"), PolynomialFeatures(), LinearSVC()),
        ROWS,
        LABEL,
        SPECIES,
    ),
    "random forest": Case(lambda: RandomForestClassifier(5, n_jobs=2, random_state=0), NAMED, SCORES, SPECIES),
    "decision tree": Case(lambda: DecisionTreeClassifier(random_state=0), ROWS, SCORES, SPECIES),
    "gradient boosting": Case(lambda: GradientBoostingClassifier(n_estimators=3), ROWS, SCORES, SPECIES),
    "histogram gradient boosting with holes": Case(
        lambda: HistGradientBoostingClassifier(max_iter=3), HOLES, SCORES, SPECIES
    ),
    "histogram gradient boosting of categories": Case(
        lambda: HistGradientBoostingRegressor(max_iter=3, categorical_features="from_dtype"),
        MIXED.astype({"species": "category"}),
        VALUE,
        TARGET,
    ),
    "ada boost": Case(lambda: AdaBoostClassifier(n_estimators=3), ROWS, SCORES, SPECIES),
    "support vectors with probabilities": Case(lambda: SVC(probability=True, random_state=0), ROWS, SCORES, SPECIES),
    "support vectors": Case(SVC, ROWS, LABEL, SPECIES),
    "ridge classifier": Case(RidgeClassifier, ROWS, LABEL, SPECIES),
    "gradient descent": Case(lambda: SGDClassifier(random_state=0), ROWS, LABEL, SPECIES),
    "naive Bayes": Case(GaussianNB, ROWS, SCORES, SPECIES),
    "nearest neighbours": Case(lambda: KNeighborsClassifier(algorithm="brute"), ROWS, SCORES, SPECIES),
    "network": Case(lambda: MLPClassifier((4,), tol=0.1, n_iter_no_change=2, random_state=0), ROWS, SCORES, SPECIES),
    "calibrated": Case(lambda: CalibratedClassifierCV(LinearSVC(), cv=2), NAMED, SCORES, SPECIES),
    "soft vote": Case(
        lambda: VotingClassifier([("nb", GaussianNB()), ("tree", DecisionTreeClassifier(max_depth=2))], voting="soft"),
        NAMED,
        SCORES,
        SPECIES,
    ),
    "hard vote": Case(lambda: VotingClassifier([("nb", GaussianNB()), ("svc", SVC())]), ROWS, LABEL, SPECIES),
    "stack": Case(
        lambda: StackingClassifier([("nb", GaussianNB())], LogisticRegression(), cv=2), NAMED, SCORES, SPECIES
    ),
    "one against the rest": Case(lambda: OneVsRestClassifier(LogisticRegression()), ROWS, SCORES, SPECIES),
    "search": Case(
        lambda: GridSearchCV(
            make_pipeline(MinMaxScaler(), LogisticRegression()), {"logisticregression__C": [1, 10]}, cv=2
        ),
        NAMED,
        SCORES,
        SPECIES,
    ),
    "several classes a row": Case(lambda: RandomForestClassifier(3, random_state=0), ROWS, SEVERAL, TWO_KINDS),
    "several classifiers": Case(lambda: MultiOutputClassifier(GaussianNB()), ROWS, SEVERAL, TWO_KINDS),
    "linear regression": Case(LinearRegression, NAMED, VALUE, TARGET),
    "linear regression of two values": Case(LinearRegression, ROWS, VALUE, TARGETS),
    "ridge in a pipeline": Case(lambda: make_pipeline(StandardScaler(), Ridge()), NAMED, VALUE, TARGET),
    "elastic net": Case(ElasticNet, ROWS, VALUE, TARGET),
    "Poisson regression": Case(PoissonRegressor, ROWS, VALUE, TARGET),
    "support vector regression": Case(SVR, ROWS, VALUE, TARGET),
    "random forest of numbers": Case(lambda: RandomForestRegressor(3, random_state=0), ROWS, VALUE, TARGETS),
    "extra trees": Case(lambda: ExtraTreesRegressor(3, random_state=0), ROWS, VALUE, TARGET),
    "several regressors": Case(lambda: MultiOutputRegressor(SVR()), NAMED, VALUE, TARGETS),
    "transformed target": Case(
        lambda: TransformedTargetRegressor(make_pipeline(StandardScaler(), Ridge()), transformer=MinMaxScaler()),
        NAMED,
        VALUE,
        TARGET,
    ),
    "isotonic regression": Case(IsotonicRegression, ROWS[:, :1], VALUE, ROWS[:, 2]),
    "k-means": Case(lambda: KMeans(3, n_init=1, random_state=0), NAMED, CLUSTER),
    "k-means after scaling": Case(
        lambda: make_pipeline(StandardScaler(), MiniBatchKMeans(3, n_init=1, random_state=0)), ROWS, CLUSTER
    ),
    "mixture": Case(lambda: GaussianMixture(2, random_state=0), ROWS, CLUSTER),
    "isolation forest": Case(lambda: IsolationForest(n_estimators=5, random_state=0), ROWS, STRANGE),
    "one class": Case(lambda: make_pipeline(StandardScaler(), OneClassSVM()), NAMED, STRANGE),
    "principal components": Case(lambda: PCA(2), NAMED, FEATURES),
    "scaler": Case(StandardScaler, ROWS, FEATURES),
    "one-hot encoder": Case(OneHotEncoder, MIXED[["species", "flowers", "wild"]], FEATURES),
    "columns alone": Case(_columns, MIXED, FEATURES),
    "mixed columns": Case(lambda: make_pipeline(_columns(), LogisticRegression(max_iter=1000)), MIXED, SCORES, SPECIES),
    "mixed columns as frames": Case(
        lambda: make_pipeline(
            make_column_transformer(
                (OneHotEncoder(sparse_output=False), make_column_selector(dtype_exclude=["number", bool])),
                remainder="passthrough",
                verbose_feature_names_out=False,
            ),
            RandomForestClassifier(3, random_state=0),
        ).set_output(transform="pandas"),
        MIXED,
        SCORES,
        SPECIES,
    ),
    "mixed columns with holes": Case(
        lambda: make_pipeline(
            make_column_transformer(
                (make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder()), ["species"]),
                (make_pipeline(SimpleImputer(), FunctionTransformer(np.log1p), StandardScaler()), slice(0, 4)),
            ),
            Ridge(),
        ),
        MIXED.assign(sepal_length=HOLES[:, 0]),
        VALUE,
        TARGET,
    ),
    "columns of an array": Case(
        lambda: make_pipeline(
            make_column_transformer((OneHotEncoder(), [4]), (StandardScaler(), [0, 1])),
            Ridge(),
        ),
        MIXED.to_numpy(dtype=object),
        VALUE,
        TARGET,
    ),
    "numbers by columns": Case(
        lambda: make_pipeline(make_column_transformer((MinMaxScaler(), [0, 2]), remainder="passthrough"), GaussianNB()),
        ROWS,
        SCORES,
        SPECIES,
    ),
    "text beside numbers": Case(
        lambda: make_pipeline(
            make_column_transformer((TfidfVectorizer(), "note"), (StandardScaler(), ["petal_width"])),
            LogisticRegression(),
        ),
        NAMED.assign(note=TEXTS),
        SCORES,
        SPECIES,
    ),
    "text": Case(lambda: make_pipeline(TfidfVectorizer(), LogisticRegression()), TEXTS, SCORES, SPECIES),
    "hashed text": Case(
        lambda: make_pipeline(HashingVectorizer(n_features=64), TfidfTransformer(), SGDClassifier(random_state=0)),
        TEXTS,
        LABEL,
        SPECIES,
    ),
    "words and pieces of words": Case(
        lambda: make_pipeline(
            make_union(CountVectorizer(), TfidfVectorizer(analyzer="char", ngram_range=(1, 2))),
            LogisticRegression(max_iter=1000),
        ),
        TEXTS,
        SCORES,
        SPECIES,
    ),
    "calibrated text": Case(
        lambda: CalibratedClassifierCV(make_pipeline(CountVectorizer(), LinearSVC()), cv=2), TEXTS, SCORES, SPECIES
    ),
    "text as features": Case(
        lambda: make_pipeline(CountVectorizer(), TruncatedSVD(2, random_state=0)), TEXTS, FEATURES
    ),
    "two views of numbers": Case(
        lambda: make_pipeline(
            FeatureUnion([("pca", PCA(2)), ("scaled", StandardScaler())]), LogisticRegression(max_iter=1000)
        ),
        NAMED,
        SCORES,
        SPECIES,
    ),
}


def call_method(estimator: Any, method: str, rows: Any) -> Any:
    """The result of one of the methods of `Case.outputs`, as an array."""
    name, _, number = method.partition(" ")
    given = getattr(estimator, name)(rows)
    given = given[int(number)] if number else given
    return np.asarray(given.toarray() if hasattr(given, "toarray") else given)


@cache
def fitted(name: str) -> Any:
    """The case's model, fitted once. Tests must not change it."""
    return CASES[name].fitted()


@cache
def served(name: str) -> LoadedModel:
    """The case's model, loaded once from its saved file."""
    return sklearn.load({"model.skops": skops.io.dumps(fitted(name))}, ModelSpec(name="m"), cpus=1)
