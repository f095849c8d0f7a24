"""Random estimators around others, not fitted yet; `FrozenEstimator` around fitted ones."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - HalvingGridSearchCV is imported with its leave
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tests.zoo.draw import Draw
from tests.zoo.targets import Task

Make = Callable[[], Any]


def around(draw: Draw, task: Task, make: Make, x: Any, y: Any) -> Any:
    """An estimator around one or more that `make` returns. Frozen ones are fitted with `x` and `y`."""
    ways = _classifiers(draw, make, x, y) if task == "classes" else _regressors(draw, make, x, y)
    if task in ("classes", "number", "several numbers"):
        return draw.call(*ways, *_any(draw, make, x, y))
    return draw.call(*_any(draw, make, x, y))


def _frozen(make: Make, x: Any, y: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return FrozenEstimator(make().fit(x, y))


def _two(make: Make) -> list[tuple[str, Any]]:
    return [("a", make()), ("b", make())]


def _two_frozen(make: Make, x: Any, y: Any) -> list[tuple[str, Any]]:
    return [("a", _frozen(make, x, y)), ("b", _frozen(make, x, y))]


def _any(draw: Draw, make: Make, x: Any, y: Any) -> list[Callable[[], Any]]:
    return [
        lambda: _search(draw, make()),
        lambda: _frozen(make, x, y),
        lambda: Pipeline([("all", make())]),
    ]


def _search(draw: Draw, estimator: Any) -> Any:
    grid = _grid(estimator)
    return draw.call(
        lambda: GridSearchCV(estimator, grid, cv=2),
        lambda: RandomizedSearchCV(estimator, grid, n_iter=1, cv=2, random_state=0),
        lambda: HalvingGridSearchCV(estimator, grid, cv=2, factor=2, min_resources=20, random_state=0),
    )


def _grid(estimator: Any) -> dict[str, list[Any]]:
    """A parameter that can be searched over in any estimator."""
    params = estimator.get_params()
    for ending in ("alpha", "C", "max_depth", "n_neighbors"):
        for name, value in params.items():
            if (name == ending or name.endswith(f"__{ending}")) and isinstance(value, int | float):
                return {name: [value, value * 2]}
    name = next(name for name, value in params.items() if isinstance(value, bool))
    return {name: [params[name]]}


def _classifiers(draw: Draw, make: Make, x: Any, y: Any) -> list[Callable[[], Any]]:
    two = len(set(np.ravel(y).tolist())) == 2
    return [
        lambda: VotingClassifier(_two(make), voting=draw.one("hard", "soft"), weights=draw.one(None, [2, 1])),
        lambda: VotingClassifier(_two_frozen(make, x, y), voting=draw.one("hard", "soft")),
        lambda: VotingClassifier(_two_frozen(make, x, y), voting="soft"),
        lambda: StackingClassifier(_two(make), LogisticRegression(), cv=2, passthrough=draw.chance(0.3)),
        lambda: StackingClassifier(_two_frozen(make, x, y), LogisticRegression(), cv="prefit"),
        lambda: CalibratedClassifierCV(
            make(), cv=2, method=draw.one("sigmoid", "isotonic"), ensemble=draw.one("auto", False)
        ),
        lambda: CalibratedClassifierCV(_frozen(make, x, y)),
        lambda: BaggingClassifier(make(), 3, max_features=draw.one(1.0, 0.7), random_state=0),
        lambda: AdaBoostClassifier(
            draw.one(make(), DecisionTreeClassifier(max_depth=2)), n_estimators=3, random_state=0
        ),
        lambda: OneVsRestClassifier(make()),
        lambda: OneVsOneClassifier(make()),
        lambda: OutputCodeClassifier(make(), random_state=0),
        lambda: FixedThresholdClassifier(make(), threshold=draw.one(0.3, 0.7)) if two else OneVsOneClassifier(make()),
        lambda: TunedThresholdClassifierCV(make(), cv=2) if two else OneVsRestClassifier(make()),
        lambda: StackingClassifier([("a", make()), ("c", draw.one(SVC(), LinearSVC()))], cv=2),
        lambda: Pipeline(
            [("scale", StandardScaler()), ("less", RFE(LogisticRegression())), ("end", LogisticRegression())]
        ),
    ]


def _regressors(draw: Draw, make: Make, x: Any, y: Any) -> list[Callable[[], Any]]:
    ways: list[Callable[[], Any]] = [
        lambda: TransformedTargetRegressor(make(), transformer=StandardScaler()),
        lambda: TransformedTargetRegressor(make(), func=np.cbrt, inverse_func=_cube),
        lambda: BaggingRegressor(make(), 3, max_features=draw.one(1.0, 0.7), random_state=0),
    ]
    if np.ndim(y) == 1:
        ways += [
            lambda: VotingRegressor(_two(make), weights=draw.one(None, [1, 3])),
            lambda: VotingRegressor(_two_frozen(make, x, y)),
            lambda: StackingRegressor(_two(make), Ridge(), cv=2, passthrough=draw.chance(0.3)),
            lambda: StackingRegressor(_two_frozen(make, x, y), Ridge(), cv="prefit"),
            lambda: AdaBoostRegressor(
                draw.one(make(), DecisionTreeRegressor(max_depth=2)), n_estimators=3, random_state=0
            ),
        ]
    return ways


def _cube(values: Any) -> Any:
    return values**3
