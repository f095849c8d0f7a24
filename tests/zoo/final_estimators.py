"""Random estimators for the end of a pipeline, not fitted yet."""

from collections.abc import Callable, Mapping
from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import Birch, BisectingKMeans, KMeans, MeanShift, MiniBatchKMeans
from sklearn.covariance import EllipticEnvelope
from sklearn.cross_decomposition import PLSRegression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    NearestCentroid,
    RadiusNeighborsRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from tests.zoo.draw import Draw
from tests.zoo.targets import Task

Make = Callable[[Draw], Any]

CLASSIFIERS: tuple[Make, ...] = (
    lambda draw: LogisticRegression(C=draw.one(0.1, 1.0, 10.0), fit_intercept=draw.chance(0.9)),
    lambda draw: LogisticRegression(),
    lambda draw: RidgeClassifier(),
    lambda draw: SGDClassifier(loss=draw.one("hinge", "log_loss", "modified_huber"), random_state=0, max_iter=50),
    lambda draw: Perceptron(random_state=0),
    lambda draw: LinearSVC(random_state=0),
    lambda draw: SVC(kernel=draw.one("rbf", "linear", "poly"), decision_function_shape=draw.one("ovr", "ovo")),
    lambda draw: NuSVC(nu=0.1),
    lambda draw: DecisionTreeClassifier(max_depth=draw.one(None, 3), random_state=0),
    lambda draw: ExtraTreeClassifier(random_state=0),
    lambda draw: RandomForestClassifier(5, random_state=0, n_jobs=draw.one(None, 2)),
    lambda draw: ExtraTreesClassifier(5, random_state=0),
    lambda draw: GradientBoostingClassifier(n_estimators=4, random_state=0),
    lambda draw: HistGradientBoostingClassifier(max_iter=4, min_samples_leaf=5),
    lambda draw: AdaBoostClassifier(n_estimators=4, random_state=0),
    lambda draw: BaggingClassifier(
        draw.one(None, LogisticRegression()), 4, max_features=draw.one(1.0, 0.6), random_state=0
    ),
    lambda draw: KNeighborsClassifier(
        3, weights=draw.one("uniform", "distance"), algorithm=draw.one("brute", "kd_tree", "auto")
    ),
    lambda draw: NearestCentroid(),
    lambda draw: GaussianNB(),
    lambda draw: BernoulliNB(),
    lambda draw: MultinomialNB(),
    lambda draw: ComplementNB(),
    lambda draw: MLPClassifier((4,), max_iter=20, random_state=0),
    lambda draw: GaussianProcessClassifier(random_state=0),
    lambda draw: LinearDiscriminantAnalysis(),
    lambda draw: QuadraticDiscriminantAnalysis(reg_param=0.1),
    lambda draw: CalibratedClassifierCV(
        draw.one(LinearSVC(), GaussianNB()), cv=2, method=draw.one("sigmoid", "isotonic")
    ),
    lambda draw: DummyClassifier(strategy=draw.one("prior", "most_frequent")),
)
REGRESSORS: tuple[Make, ...] = (
    lambda draw: LinearRegression(positive=draw.chance(0.1)),
    lambda draw: Ridge(fit_intercept=draw.chance(0.9)),
    lambda draw: Lasso(0.1),
    lambda draw: ElasticNet(0.1),
    lambda draw: HuberRegressor(max_iter=500),
    lambda draw: PoissonRegressor(),
    lambda draw: TweedieRegressor(power=0, link="auto"),
    lambda draw: SGDRegressor(random_state=0),
    lambda draw: LinearSVR(random_state=0),
    lambda draw: SVR(kernel=draw.one("rbf", "linear")),
    lambda draw: DecisionTreeRegressor(max_depth=draw.one(None, 3), random_state=0),
    lambda draw: RandomForestRegressor(5, random_state=0),
    lambda draw: ExtraTreesRegressor(5, random_state=0, bootstrap=True, oob_score=False),
    lambda draw: GradientBoostingRegressor(n_estimators=4, loss=draw.one("squared_error", "huber"), random_state=0),
    lambda draw: HistGradientBoostingRegressor(
        max_iter=4, min_samples_leaf=5, loss=draw.one("squared_error", "absolute_error")
    ),
    lambda draw: AdaBoostRegressor(n_estimators=4, random_state=0),
    lambda draw: BaggingRegressor(draw.one(None, Ridge()), 4, max_features=draw.one(1.0, 0.6), random_state=0),
    lambda draw: KNeighborsRegressor(3, weights=draw.one("uniform", "distance")),
    lambda draw: RadiusNeighborsRegressor(1000.0),
    lambda draw: MLPRegressor(hidden_layer_sizes=(4,), max_iter=20, random_state=0),
    lambda draw: GaussianProcessRegressor(alpha=0.1, random_state=0),
    lambda draw: PLSRegression(1),
    lambda draw: DummyRegressor(),
)
WITHOUT_TARGET: tuple[Make, ...] = (
    lambda draw: KMeans(draw.one(2, 3), n_init=1, random_state=0),
    lambda draw: MiniBatchKMeans(2, n_init=1, random_state=0),
    lambda draw: BisectingKMeans(3, random_state=0),
    lambda draw: Birch(n_clusters=draw.one(None, 3)),
    lambda draw: MeanShift(),
    lambda draw: GaussianMixture(2, reg_covar=0.01, random_state=0),
    lambda draw: BayesianGaussianMixture(n_components=2, reg_covar=0.01, random_state=0),
    lambda draw: IsolationForest(n_estimators=5, random_state=0, contamination=draw.one("auto", 0.1)),
    lambda draw: LocalOutlierFactor(3, novelty=True),
    lambda draw: OneClassSVM(),
    lambda draw: EllipticEnvelope(random_state=0),
    lambda draw: "passthrough",
    lambda draw: "passthrough",
)
MULTILABEL: tuple[Make, ...] = (
    lambda draw: KNeighborsClassifier(3),
    lambda draw: DecisionTreeClassifier(random_state=0),
    lambda draw: RandomForestClassifier(4, random_state=0),
    lambda draw: MLPClassifier((4,), max_iter=20, random_state=0),
    lambda draw: RidgeClassifier(),
    lambda draw: OneVsRestClassifier(draw.one(LogisticRegression(), LinearSVC())),
    lambda draw: MultiOutputClassifier(
        draw.one(LogisticRegression(), DecisionTreeClassifier(max_depth=3), LinearSVC())
    ),
    lambda draw: ClassifierChain(LogisticRegression(), random_state=0),
)
SEVERAL_CLASSES: tuple[Make, ...] = (
    lambda draw: KNeighborsClassifier(3),
    lambda draw: DecisionTreeClassifier(random_state=0),
    lambda draw: ExtraTreesClassifier(4, random_state=0),
    lambda draw: MultiOutputClassifier(draw.one(LogisticRegression(), RandomForestClassifier(3, random_state=0))),
)
SEVERAL_NUMBERS: tuple[Make, ...] = (
    lambda draw: LinearRegression(),
    lambda draw: Ridge(),
    lambda draw: KNeighborsRegressor(3),
    lambda draw: RandomForestRegressor(4, random_state=0),
    lambda draw: DecisionTreeRegressor(max_depth=3, random_state=0),
    lambda draw: MultiOutputRegressor(draw.one(GradientBoostingRegressor(n_estimators=3), Ridge(), SVR())),
    lambda draw: RegressorChain(Ridge(), random_state=0),
    lambda draw: MLPRegressor(hidden_layer_sizes=(4,), max_iter=20, random_state=0),
    lambda draw: PLSRegression(1),
)
FINALS: Mapping[Task, tuple[Make, ...]] = {
    "classes": CLASSIFIERS,
    "multilabel": MULTILABEL,
    "several classes": SEVERAL_CLASSES,
    "number": REGRESSORS,
    "several numbers": SEVERAL_NUMBERS,
    "none": WITHOUT_TARGET,
}


def final(draw: Draw, task: Task) -> Any:
    """An estimator for this task; "passthrough" where only transforms are wanted."""
    return draw.one(*FINALS[task])(draw)
