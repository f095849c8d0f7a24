"""Scikit-learn models whose artefact has about 10 MB."""

from pathlib import Path

import numpy as np
import skops.io
from sklearn.base import BaseEstimator
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsRegressor
from threadpoolctl import threadpool_limits

from benchmarks.pools.answers import Answer, flat
from examples.trained import request_body

COPIES = 2
"""Of each model: one is evicted for the other."""
FEATURES = 20


def make(repository: Path) -> dict[str, list[Answer]]:
    """Write the models into a repository. Returns the answers of the copies of each."""
    with threadpool_limits(1):
        return {
            kind: [_publish(repository, f"{kind}-{copy}", fit(copy)) for copy in range(COPIES)]
            for kind, fit in (("forest", _forest), ("neighbours", _neighbours))
        }


def _forest(copy: int) -> tuple[BaseEstimator, np.ndarray]:
    rows, labels = make_classification(4000, FEATURES, n_informative=10, flip_y=0.1, random_state=copy)
    forest = RandomForestClassifier(112, random_state=copy).fit(rows, labels + 10 * copy)
    return forest, rows[:1]


def _neighbours(copy: int) -> tuple[BaseEstimator, np.ndarray]:
    generator = np.random.default_rng(copy)
    rows = generator.standard_normal((60_000, FEATURES))
    targets = rows[:, 0] + 100.0 * copy
    return KNeighborsRegressor(algorithm="brute").fit(rows, targets), rows[:1]


def _publish(repository: Path, name: str, fitted: tuple[BaseEstimator, np.ndarray]) -> Answer:
    model, rows = fitted
    version = repository / name / "1"
    version.mkdir(parents=True)
    (version / "model.skops").write_bytes(skops.io.dumps(model))
    body = request_body(rows.tolist())
    (version / "example.json").write_text(body)
    (row,), (prediction,) = rows.tolist(), model.predict(rows).tolist()
    return Answer(name, body.encode(), tuple(row), flat(prediction))


def artefact_bytes(repository: Path, name: str) -> int:
    """The size of a model's artefact."""
    return (repository / name / "1" / "model.skops").stat().st_size
