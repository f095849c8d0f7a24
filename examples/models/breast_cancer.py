"""Is the tumour malignant? 569 biopsies from Wisconsin: from thirty measurements of cell nuclei to a diagnosis."""

import skops.io
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from examples.trained import SEED, Score, Trained


def train() -> Trained:
    """A random forest; its example sends plain lists, in the order of the features."""
    cancer = load_breast_cancer(as_frame=True)
    rows = cancer.data.rename(columns=lambda name: name.replace(" ", "_"))
    diagnoses = cancer.target_names[cancer.target]
    seen, held_out, seen_diagnoses, held_out_diagnoses = train_test_split(
        rows, diagnoses, test_size=0.25, stratify=diagnoses, random_state=SEED
    )
    forest = RandomForestClassifier(n_estimators=100, min_samples_leaf=2, random_state=SEED).fit(seen, seen_diagnoses)
    return Trained(
        artefact="model.skops",
        content=skops.io.dumps(forest),
        score=Score("accuracy", forest.score(held_out, held_out_diagnoses), at_least=0.92, rows=len(held_out)),
        instances=held_out.head(2).to_numpy().tolist(),
    )
