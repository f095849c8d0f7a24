"""The benchmark of compiled models."""

import re

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from benchmarks.compiled_models import TEXT_MODELS, loaded, measure, medians_us, random_texts
from modelyard.runtimes.base import LoadedModel


def test_both_settings_of_a_model_are_measured_for_each_size() -> None:
    texts = random_texts(40)
    estimator = TEXT_MODELS["words, TF-IDF, logistic regression"]().fit(texts, np.arange(40) % 2)
    for cells in (
        measure(estimator, "text", np.array(texts, object), sizes=(1, 8), rounds=1),
        measure(DecisionTreeClassifier().fit(np.eye(40), np.arange(40) % 2), "x", np.eye(40), sizes=(1, 8), rounds=1),
    ):
        assert len(cells) == 2
        assert all(re.fullmatch(r"\d+ -> \d+ \(\d+\.\dx\)", cell) for cell in cells)


def test_each_model_gets_the_same_rows_in_each_round() -> None:
    calls: list[tuple[str, float]] = []

    class Recording:
        def __init__(self, name: str, model: LoadedModel) -> None:
            self.name, self.signature = name, model.signature

        def predict(self, inputs: object, outputs: object) -> None:
            calls.append((self.name, inputs["x"][0, 0]))  # type: ignore[index]

    model = loaded(DecisionTreeClassifier().fit(np.eye(4), range(4)), "off")
    rows = np.arange(6.0).reshape(6, 1)
    medians_us([Recording("off", model), Recording("auto", model)], "x", rows, 2, rounds=2)  # type: ignore[list-item]
    assert calls == [*(("off", row) for row in (0, 2, 4)), *(("auto", row) for row in (0, 2, 4))] * 2
