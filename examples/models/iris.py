"""Which iris is it? Fisher's 150 flowers: from four lengths to a species."""

from typing import Any

import skops.io
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from examples.trained import SEED, Score, Trained

FEATURES = ["sepal_length_cm", "sepal_width_cm", "petal_length_cm", "petal_width_cm"]


def train() -> Trained:
    """A scaled logistic regression with named features and classes."""
    pipeline, rows, species = fit()
    return Trained(
        artefact="model.skops",
        content=skops.io.dumps(pipeline),
        score=Score("accuracy", pipeline.score(rows, species), at_least=0.9, rows=len(rows)),
        instances=rows.head(3).to_dict("records"),
    )


def fit() -> tuple[Any, Any, Any]:
    """The fitted pipeline, and the held-out rows and species. The benchmarks also serve it as ONNX."""
    iris = load_iris(as_frame=True)
    rows = iris.data.set_axis(FEATURES, axis="columns")
    species = iris.target_names[iris.target]
    seen, held_out, seen_species, held_out_species = train_test_split(
        rows, species, test_size=0.3, stratify=species, random_state=SEED
    )
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    return pipeline.fit(seen, seen_species), held_out, held_out_species
