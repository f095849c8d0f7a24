"""Measures compiled scikit-learn models: CPU time of one call with `compiled: off` and `auto`, in turn.

`python -m benchmarks.compiled_models`. One process, without sockets. Every call of a round has other rows, and the two settings get
the same. Texts are random words of the vocabulary with 1 in 10 unknown.
"""

import io
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import joblib  # type: ignore[import-untyped]  # it ships no types
import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from benchmarks.markdown import table
from modelyard.config.model_spec import ModelSpec
from modelyard.runtimes.base import LoadedModel
from modelyard.runtimes.sklearn import model as sklearn
from modelyard.tensors import Array

SIZES = (1, 8, 64, 1024)
ROUNDS = 7
WORDS = 5000
TEXT_MODELS: dict[str, Callable[[], Any]] = {
    "words, TF-IDF, logistic regression": lambda: make_pipeline(TfidfVectorizer(), LogisticRegression()),
    "words and pairs, LinearSVC": lambda: make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LinearSVC()),
    "characters in words (2 to 5), logistic regression": lambda: make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5)), LogisticRegression()
    ),
    "characters (1 to 3), LinearSVC": lambda: make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3)), LinearSVC()
    ),
    "hashes, SGDClassifier": lambda: make_pipeline(HashingVectorizer(n_features=2**16), SGDClassifier()),
    "counts, MultinomialNB": lambda: make_pipeline(CountVectorizer(), MultinomialNB()),
}
TREE_MODELS: dict[str, Callable[[], Any]] = {
    "RandomForestClassifier, 100 trees": lambda: RandomForestClassifier(100, random_state=0),
    "ExtraTreesRegressor, 100 trees": lambda: ExtraTreesRegressor(100, random_state=0),
    "DecisionTreeClassifier": lambda: DecisionTreeClassifier(random_state=0),
    "GradientBoostingClassifier, 100 trees": lambda: GradientBoostingClassifier(random_state=0),
    "HistGradientBoostingClassifier, 100 trees": lambda: HistGradientBoostingClassifier(random_state=0),
}


def random_texts(count: int, words: int = WORDS) -> list[str]:
    """Texts of 5 to 30 words, the most frequent words first in the vocabulary."""
    random = np.random.default_rng(count)
    syllables = [consonant + vowel for consonant in "bdfgklmnprstv" for vowel in "aeiou"]
    vocabulary = ["".join(random.choice(syllables, size=random.integers(1, 5))) for _ in range(words)]
    chosen = [np.minimum(random.zipf(1.2, size=size), words) - 1 for size in random.integers(5, 31, size=count)]
    return [" ".join(vocabulary[word] if word % 10 else f"new{word}" for word in text) for text in chosen]


def loaded(estimator: Any, compiled: str) -> LoadedModel:
    """The fitted estimator, loaded from a file as the server loads it."""
    file = io.BytesIO()
    joblib.dump(estimator, file)
    spec = ModelSpec.model_validate({"name": "m", "trusted": True, "compiled": compiled})
    return sklearn.load({"model.joblib": file.getvalue()}, spec, cpus=1)


def medians_us(models: Sequence[LoadedModel], name: str, rows: Array, size: int, rounds: int = ROUNDS) -> list[float]:
    """Microseconds of one call of each model with this number of rows: medians of rounds in which each has its turn."""
    calls = [{name: rows[start : start + size]} for start in range(0, len(rows) - size + 1, size)][
        : max(2, 512 // size)
    ]
    outputs = tuple(spec.name for spec in models[0].signature.outputs)
    times: list[list[float]] = [[] for _ in models]
    for _ in range(rounds):
        for model, found in zip(models, times, strict=True):
            started = time.thread_time_ns()
            for inputs in calls:
                model.predict(inputs, outputs)
            found.append((time.thread_time_ns() - started) / len(calls) / 1000)
    return [median(found) for found in times]


def measure(estimator: Any, name: str, rows: Array, sizes: Sequence[int] = SIZES, rounds: int = ROUNDS) -> list[str]:
    """For each size: time with `compiled: off`, with `auto`, and the ratio."""
    models = [loaded(estimator, "off"), loaded(estimator, "auto")]
    cells = []
    for size in sizes:
        off, auto = medians_us(models, name, rows, size, rounds)
        cells.append(f"{off:.0f} -> {auto:.0f} ({off / auto:.1f}x)")
    return cells


def main() -> None:
    texts = np.array(random_texts(2048), object)
    rows, target = make_classification(4096, 20, n_informative=8, random_state=0)
    lines = []
    for label, make in TEXT_MODELS.items():
        estimator = make().fit(random_texts(1000), np.arange(1000) % 3)
        lines.append([label, *measure(estimator, "text", texts)])
    for label, make in TREE_MODELS.items():
        lines.append([label, *measure(make().fit(rows[2048:], target[2048:]), "x", rows[:2048])])
    print(table(["CPU us of a call: off -> auto", *(f"{size} rows" for size in SIZES)], lines))


if __name__ == "__main__":
    main()
