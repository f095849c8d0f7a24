"""How strong is the wine? 178 wines: from the grape variety and four laboratory values to alcohol by volume.

scikit-learn's wine data are meant for classifying three cultivars, which it calls class_0 to class_2. They are Barolo,
Grignolino and Barbera (Forina and others, "Multivariate data analysis as a discriminating method of the origin of
wines", Vitis 25, 1986). Here the cultivar is known and is one of the features, so that rows mix text and numbers.
"""

import numpy as np
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_wine
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from examples.trained import SEED, Score, Trained

CULTIVARS = np.array(["barolo", "grignolino", "barbera"])
MEASUREMENTS = ["color_intensity", "magnesium", "proline", "total_phenols"]


def train() -> Trained:
    """A ridge regression on cultivars and scaled measurements. An unknown cultivar counts as none of the three."""
    wine = load_wine(as_frame=True)
    rows = wine.data[MEASUREMENTS].assign(cultivar=CULTIVARS[wine.target])
    alcohol = wine.data["alcohol"]
    seen, held_out, seen_alcohol, held_out_alcohol = train_test_split(
        rows, alcohol, test_size=0.25, stratify=rows["cultivar"], random_state=SEED
    )
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["cultivar"]),
        (StandardScaler(), MEASUREMENTS),
    )
    pipeline = make_pipeline(columns, RidgeCV(alphas=(0.1, 1, 10))).fit(seen, seen_alcohol)
    return Trained(
        artefact="model.skops",
        content=skops.io.dumps(pipeline),
        score=Score("R²", pipeline.score(held_out, held_out_alcohol), at_least=0.5, rows=len(held_out)),
        instances=held_out.groupby("cultivar").head(1).to_dict("records"),
    )
